"""What the specs require: one async function per operation, and small pure checks."""
