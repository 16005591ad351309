"""What is shipped beside our own code: what it is, under which licences, and whether something is known against it."""
