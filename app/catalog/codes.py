"""Closed lists of words: country codes and the enumerations of WG1-01 and WG1-02."""

COUNTRIES = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
    TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
    """.split()  # noqa: SIM905 -- a list literal would take 249 lines
)
"""ISO 3166-1 alpha-2."""

COVERAGE_TYPES = ("geographic", "logical")
CAPABILITY_ROLES = ("authoritative", "official", "aggregator")
INFRASTRUCTURE_TYPES = (
    "distribution_utility",
    "metering_provider",
    "supplier",
    "generator",
    "market_operator",
    "distribution_service_operator",
    "transmission_service_operator",
    "service_provider",
)
COMMODITY_TYPES = (
    "electricity",
    "natural_gas",
    "fuel_oil",
    "water",
    "wastewater",
    "trash",
    "distributed_energy",
)

REGISTRATION_FIELD_TYPES = (
    "registration_field",
    "internal_review",
    "payment_required",
    "email_verification",
    "sso_verification",
    "pdf_form",
    "online_form",
)
TEXT_FORMATS = ("string", "string_or_null", "url", "url_or_null", "email", "email_or_null")
FILE_FORMATS = ("image", "image_or_null", "pdf", "pdf_or_null")
REGISTRATION_FIELD_FORMATS = (*TEXT_FORMATS, "boolean", "boolean_or_null", *FILE_FORMATS)

CHOICE_FORMATS = ("choice", "choice_list", "choice_list_or_null")
NUMBER_FORMATS = ("int", "decimal")
LENGTH_FORMATS = ("string", "string_or_null", "string_list", "string_list_or_null")
TIME_FORMATS = ("relative_or_absolute_date", "relative_or_absolute_datetime")
LIMITED_FORMATS = (*NUMBER_FORMATS, *LENGTH_FORMATS, *TIME_FORMATS)
DETAILS_FORMATS = (*LIMITED_FORMATS, "boolean", *CHOICE_FORMATS, "jwk_or_null")
"""WG1-02 3.9, and the three list formats that CDS-WG3-01 needs (H7)."""

GRANT_TYPES = ("client_credentials", "authorization_code", "refresh_token")
TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "none")
