"""Pages and calls behind the links of onboarding Messages (CDS-WG1-02 3.6)."""
