"""The reference implementation of LF Energy's CDS-WG1-01 and CDS-WG1-02."""
