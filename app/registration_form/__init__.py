"""`/register`: people register by hand what programs register with one request (`cds_human_registration`, WG1-02 3.2).

`choices` shows scopes and what they ask for, `inputs` the fields of the chosen ones and what was entered in them,
`outcome` what came of it, `pages` leads through the three steps. Nothing is stored before the last one.
"""
