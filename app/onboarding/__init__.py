"""Pages and calls behind the links of onboarding Messages (CDS-WG1-02 3.6).

`visits` finds the step that a link opens, `pages` shows it and takes what people do there, `sign_on` leads to the
identity provider, `forms` hands out blank PDFs, `calls` hears what other systems report.
"""
