"""The documentation: pages about this server and this catalog, made when the server starts (WG1-01 3.2, WG1-02 3.2)."""
