import ipaddress
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.env_file import read_env_file, read_environment
from app.errors import ConfigurationError
from app.setting_table import TABLE
from app.setting_values import RateLimit, SmtpServer, is_loopback, sender_of, smtp_server, split_hosts
from app.settings import Settings

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / ".env.example").read_text()
NAMES = [setting.name for setting in TABLE]


def problems_of(**environ: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refusal:
        Settings.from_environment(environ)
    return refusal.value.problems


@pytest.mark.parametrize("setting", TABLE, ids=NAMES)
def test_env_example_explains_every_setting_and_shows_its_default(setting):
    explained, written = re.search(rf"((?:^# .*\n)+)^#{setting.name}=(.*)$", EXAMPLE, re.MULTILINE).groups()

    assert written == setting.default
    assert f"{setting.sentence} [{setting.unit}]" in explained.replace("\n# ", " ")


@pytest.mark.parametrize("setting", TABLE, ids=NAMES)
def test_the_readme_lists_every_setting_with_its_default_and_its_sentence(setting):
    default = f"`{setting.default}`" if setting.default else ""
    row = f"| `{setting.name}` | {default} | {setting.unit} | {setting.sentence} |"

    assert row in (ROOT / "README.md").read_text().splitlines()


def test_env_example_names_nothing_that_is_not_a_setting(tmp_path):
    active = tmp_path / ".env"
    active.write_text(re.sub(r"^#(CDS_)", r"\1", EXAMPLE, flags=re.MULTILINE))

    assert list(read_env_file(active)) == NAMES
    assert Settings.from_environment(read_env_file(active)) == Settings.from_environment({})


def test_every_attribute_has_a_setting():
    assert [setting.attribute for setting in TABLE] == list(Settings.__dataclass_fields__)


def test_without_settings_the_demo_is_served_on_this_machine():
    settings = Settings.from_environment({"PATH": "/bin", "CDS_LOG_LEVEL": " "})

    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.catalog is None
    assert settings.store_url == "embedded:.data/store"
    assert settings.max_body_bytes == 1024 * 1024
    assert settings.trusted_proxies == ()


def test_all_problems_are_told_at_once_and_each_names_its_setting():
    problems = problems_of(
        CDS_PUBLIC_URL="http://utility.example",
        CDS_STORE_URL="mysql://x",
        CDS_MAX_BODY="much",
        CDS_RATE_LIMIT_CLIENT="5",
        CDS_WORKERS="0",
        CDS_STORE_UR="memory:",
    )

    assert [problem.split()[0] for problem in problems] == [
        "CDS_STORE_UR",
        "CDS_PUBLIC_URL",
        "CDS_STORE_URL",
        "CDS_RATE_LIMIT_CLIENT",
        "CDS_MAX_BODY",
        "CDS_WORKERS",
    ]


def test_an_unknown_name_is_refused_with_the_nearest_one():
    assert problems_of(CDS_PUBLICURL="https://x.example") == [
        "CDS_PUBLICURL is not a setting; did you mean CDS_PUBLIC_URL?"
    ]


def test_a_name_that_resembles_nothing_is_refused_too():
    assert problems_of(CDS_ZZZ="1") == ["CDS_ZZZ is not a setting; .env.example lists all of them."]


@pytest.mark.parametrize("name", ["CDS_SERVICE_HOST", "CDS_SERVICE_PORT_HTTP", "CDS_PORT", "CDS_PORT_80_TCP_ADDR"])
def test_what_kubernetes_adds_for_a_service_is_refused_with_the_way_to_stop_it(name):
    assert "enableServiceLinks: false" in problems_of(**{name: "tcp://10.0.0.1:80"})[0]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://Utility.Example/", "https://utility.example"),
        ("https://utility.example/energy/CDS/", "https://utility.example/energy/CDS"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("http://127.9.9.9", "http://127.9.9.9"),
    ],
)
def test_public_urls_are_read_without_a_slash_at_the_end(written, read):
    assert Settings.from_environment({"CDS_PUBLIC_URL": written}).public_url == read


@pytest.mark.parametrize(
    "written",
    [
        "http://utility.example",
        "http://10.0.0.1",
        "http://127.0.0.1.evil.example",
        "ftp://127.0.0.1",
        "utility.example",
        "https://",
        "https://user@utility.example",
        "https://utility.example?x=1",
        "https://utility.example/#top",
        "https://utility.example:0",
        "https://utility.example:99999",
        "https://versorger-münchen.example",
        "https://utility.example/a b",
    ],
)
def test_public_urls_that_are_not_https_or_not_a_base_are_refused(written):
    assert problems_of(CDS_PUBLIC_URL=written)[0].startswith("CDS_PUBLIC_URL needs ")


@pytest.mark.parametrize(
    "written",
    [
        "embedded:/var/lib/cds",
        "unix:/run/valkey.sock",
        "redis://store",
        "redis://:pass@store:6379/2",
        "rediss://user:pa%40ss@store:6380/0?ssl_cert_reqs=none",
        "redis+cluster://a:7000,b:7000,c:7000",
        "rediss+cluster://user:pass@store",
        "redis+sentinel://:pass@a:26379,b:26379,[2001:db8::1]:26379/cds",
        "memory:",
    ],
)
def test_every_kind_of_store_is_accepted(written):
    assert Settings.from_environment({"CDS_STORE_URL": written}).store_url == written


@pytest.mark.parametrize(
    "written",
    [
        "embedded:",
        "unix:",
        "redis:",
        "redis://",
        "redis://store:0",
        "redis://store:port",
        "redis+cluster://a,,b",
        "redis+sentinel://a:26379",
        "redis+sentinel://a:26379/",
        "memory:x",
        "valkey://x",
    ],
)
def test_other_stores_are_refused(written):
    assert problems_of(CDS_STORE_URL=written)[0].startswith("CDS_STORE_URL needs ")


@pytest.mark.parametrize("name", NAMES)
def test_no_refusal_repeats_what_was_written(name):
    secret = "https://user:geheim@host geheim"
    told = ""
    try:
        Settings.from_environment({name: secret})
    except ConfigurationError as error:
        told = str(error)

    assert "geheim" not in told


def test_settings_that_are_printed_show_no_secret():
    settings = Settings.from_environment(
        {
            "CDS_STORE_URL": "redis://:geheim@store",
            "CDS_FILES_URL": "s3://bucket/geheim",
            "CDS_SECRET_KEYS": '{"keys": "geheim"}',
        }
    )

    assert "geheim" not in repr(settings)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("60/minute", RateLimit(60, 60)),
        ("5 / Hour", RateLimit(5, 3600)),
        ("1/second", RateLimit(1, 1)),
        ("9/day", RateLimit(9, 86400)),
        ("off", None),
        ("OFF", None),
    ],
)
def test_rates(written, read):
    assert Settings.from_environment({"CDS_RATE_LIMIT_ANONYMOUS": written}).rate_limit_anonymous == read


@pytest.mark.parametrize("written", ["0/minute", "-1/minute", "60", "60/fortnight", "1e3/minute", "none", "٣/minute"])
def test_other_rates_are_refused(written):
    assert "60/minute" in problems_of(CDS_RATE_LIMIT_ANONYMOUS=written)[0]


@pytest.mark.parametrize(
    ("written", "read"), [("1MiB", 1 << 20), ("512 KiB", 1 << 19), ("20000", 20000), ("65536b", 65536)]
)
def test_sizes(written, read):
    assert Settings.from_environment({"CDS_MAX_BODY": written}).max_body_bytes == read


@pytest.mark.parametrize("written", ["1MB", "1.5MiB", "-1", "0", "9999GiB", "1 000 000"])
def test_other_sizes_are_refused(written):
    assert problems_of(CDS_MAX_BODY=written)[0].startswith("CDS_MAX_BODY needs a size")


def test_attachments_of_ten_megabytes_can_not_be_forbidden():
    assert problems_of(CDS_MAX_ATTACHMENTS="9MiB")[0].startswith("CDS_MAX_ATTACHMENTS needs a size")


def test_trusted_proxies_are_networks():
    settings = Settings.from_environment({"CDS_TRUSTED_PROXIES": "10.0.0.0/8, 192.168.1.7 2001:db8::/32"})

    assert settings.trusted_proxies == tuple(
        map(ipaddress.ip_network, ["10.0.0.0/8", "192.168.1.7/32", "2001:db8::/32"])
    )
    assert problems_of(CDS_TRUSTED_PROXIES="*")[0].startswith("CDS_TRUSTED_PROXIES needs networks")


def test_the_issuer_of_the_identity_provider_is_kept_as_it_names_itself():
    provider = {"CDS_USER_OIDC_CLIENT_ID": "cds", "CDS_USER_OIDC_CLIENT_SECRET": "very secret"}
    settings = Settings.from_environment({"CDS_USER_OIDC_ISSUER": "https://login.example/Tenant/"} | provider)

    assert settings.user_oidc_issuer == "https://login.example/Tenant/"
    assert "very secret" not in repr(settings)
    assert Settings.from_environment({"CDS_USER_OIDC_ISSUER": "http://127.0.0.1:3000"} | provider)
    for wrong in ("http://login.example", "login.example", "https://login.example/?a=b", "https://a@login.example"):
        assert problems_of(CDS_USER_OIDC_ISSUER=wrong, **provider)[0].startswith("CDS_USER_OIDC_ISSUER needs")


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({"CDS_WORKERS": "2", "CDS_STORE_URL": "memory:"}, "memory is not shared"),
        ({"CDS_WORKERS": "2", "CDS_FILES_URL": "memory:"}, "memory is not shared"),
        ({"CDS_STORE_WAIT_REPLICAS": "1"}, "it has no replicas"),
        ({"CDS_USER_OIDC_ISSUER": "https://login.example"}, "missing: CDS_USER_OIDC_CLIENT_ID, CDS_USER_OIDC_CLIENT_"),
        ({"CDS_USER_OIDC_CLIENT_ID": "a", "CDS_USER_OIDC_CLIENT_SECRET": "b"}, "missing: CDS_USER_OIDC_ISSUER"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(environ, reason):
    assert reason in problems_of(**environ)[0]


@given(st.text())
def test_whether_a_host_is_this_machine_never_fails(host):
    assert is_loopback(host) in {True, False}


@given(st.text())
def test_hosts_are_taken_apart_or_refused(text):
    try:
        found = split_hosts(text)
    except ValueError:
        found = []

    assert all(host and port != 0 for host, port in found)


def test_env_files_may_have_comments_quotes_and_exports(tmp_path):
    (tmp_path / ".env").write_text(
        "# settings\n\nCDS_WORKERS=2\nexport CDS_LOG_LEVEL=debug # loud\n"
        """CDS_SECRET_KEYS='{"keys": [] # no comment}'\nCDS_CATALOG="a b.yaml"  \nOTHER=\nCDS_FILES_URL=s3://b/a#b\n"""
    )

    assert read_env_file(tmp_path / ".env") == {
        "CDS_WORKERS": "2",
        "CDS_LOG_LEVEL": "debug",
        "CDS_SECRET_KEYS": '{"keys": [] # no comment}',
        "CDS_CATALOG": "a b.yaml",
        "OTHER": "",
        "CDS_FILES_URL": "s3://b/a#b",
    }


def test_lines_of_an_env_file_that_say_nothing_are_refused_by_number(tmp_path):
    (tmp_path / ".env").write_text("CDS_WORKERS 2\nCDS_LOG_LEVEL=info\nCDS_CATALOG='a\n")

    with pytest.raises(ConfigurationError) as refusal:
        read_env_file(tmp_path / ".env")
    assert [problem.split(" is not")[0] for problem in refusal.value.problems] == [
        f"{tmp_path}/.env line 1",
        f"{tmp_path}/.env line 3",
    ]


def test_an_env_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / ".env").write_bytes(b"CDS_WORKERS=\xff")

    with pytest.raises(ConfigurationError, match="not UTF-8"):
        read_env_file(tmp_path / ".env")


def test_the_process_environment_wins_over_the_env_file(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("CDS_WORKERS=2\nCDS_LOG_LEVEL=debug\n")
    monkeypatch.setenv("CDS_WORKERS", "3")

    found = read_environment(tmp_path)

    assert (found["CDS_WORKERS"], found["CDS_LOG_LEVEL"]) == ("3", "debug")
    assert read_environment(tmp_path / "nowhere") == dict(os.environ)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("smtp://mail.example", SmtpServer("smtp", "mail.example", 587, "", "")),
        (
            "smtps://cds%40utility:p%3Aw%2F%40@mail.example",
            SmtpServer("smtps", "mail.example", 465, "cds@utility", "p:w/@"),
        ),
        ("smtp+plain://10.0.0.5:2525/", SmtpServer("smtp+plain", "10.0.0.5", 2525, "", "")),
        ("smtp://[::1]:1025", SmtpServer("smtp", "::1", 1025, "", "")),
    ],
)
def test_a_mail_server_is_read_from_its_url(written, read):
    settings = Settings.from_environment({"CDS_SMTP_URL": written, "CDS_MAIL_FROM": "cds@utility.example"})

    assert smtp_server(settings.smtp_url) == read
    assert "p%3Aw" not in repr(settings)
    assert "p:w" not in repr(read)


@pytest.mark.parametrize(
    "written",
    [
        "mail.example:587",
        "http://mail.example",
        "smtp://",
        "smtp://mail.example:0",
        "smtp://mail.example/box",
        "smtp://mail.example?tls=no",
        "smtp://hidden@mail.example",
        "smtp+plain://hidden:hidden@mail.example",
    ],
)
def test_other_mail_servers_are_refused_without_repeating_a_password(written):
    (problem,) = problems_of(CDS_SMTP_URL=written, CDS_MAIL_FROM="cds@utility.example")

    assert problem.startswith("CDS_SMTP_URL needs ")
    assert "hidden" not in problem


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("cds@utility.example", ("", "cds@utility.example")),
        ("<cds@utility.example>", ("", "cds@utility.example")),
        ("Demo Städtische Werke <cds@utility.example>", ("Demo Städtische Werke", "cds@utility.example")),
    ],
)
def test_the_sender_of_mails_is_an_address_with_or_without_a_name(written, read):
    assert sender_of(written) == read


@pytest.mark.parametrize(
    "written", ["utility", "a@b <c@d", "a b@c", "x\ny <a@b>", "Name <a@b\r\nBcc: c@d>", "a@b, c@d"]
)
def test_other_senders_are_refused(written):
    (problem,) = problems_of(CDS_SMTP_URL="smtp://mail.example", CDS_MAIL_FROM=written)

    assert problem.startswith("CDS_MAIL_FROM needs ")


def test_a_mail_server_and_a_sender_go_together():
    assert problems_of(CDS_SMTP_URL="smtp://mail.example") == [
        "CDS_SMTP_URL, CDS_MAIL_FROM are all needed or none of them; missing: CDS_MAIL_FROM."
    ]


SECRET = "whsec_" + "QUJD" * 8
OTHER = "whsec_" + "REVG" * 8


@pytest.mark.parametrize(
    ("written", "read"),
    [(SECRET, (SECRET,)), (f"{SECRET} {OTHER}", (SECRET, OTHER)), (f" {SECRET}\t{OTHER} ", (SECRET, OTHER))],
)
def test_secrets_of_signed_calls_are_one_or_several(written, read):
    assert Settings.from_environment({"CDS_ONBOARDING_CALLBACK_SECRET": written}).onboarding_callback_secrets == read


@pytest.mark.parametrize(
    "written",
    ["secret", "QUJD" * 8, "whsec_", "whsec_QUJD", "whsec_" + "QUJD" * 30, "whsec_" + "QU-D" * 8, f"{SECRET},{OTHER}"],
)
def test_secrets_of_signed_calls_that_are_weak_or_malformed_are_refused(written):
    (problem,) = problems_of(CDS_ONBOARDING_CALLBACK_SECRET=written)

    assert problem.startswith("CDS_ONBOARDING_CALLBACK_SECRET needs whsec_ and 24 to 64 bytes in Base64")
    assert written == "whsec_" or written not in problem


def test_secrets_of_signed_calls_are_not_shown():
    assert SECRET not in repr(Settings.from_environment({"CDS_ONBOARDING_CALLBACK_SECRET": SECRET}))


def test_a_number_is_asked_for_in_its_unit():
    with pytest.raises(ConfigurationError) as refused:
        Settings.from_environment({"CDS_ACCESS_TOKEN_TTL": "1h", "CDS_WORKERS": "many"})

    assert refused.value.problems == [
        "CDS_ACCESS_TOKEN_TTL needs a whole number of seconds from 1 to 2592000, without a unit.",
        "CDS_WORKERS needs a whole number of processes from 1 to 64, without a unit.",
    ]
