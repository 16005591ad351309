"""The bytes of Server-provided files and of attachments, on a disk or in a bucket."""
