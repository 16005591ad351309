from tests.helm import charts

URL = {"store": {"url": "redis://valkey:6379/0"}}
NO_STORE = {"store": {"url": ""}}
SECRET = {"name": "valkey", "passwordKey": "password"}


def nodes(mode, **more):
    return {"store": {"url": "", "mode": mode, "nodes": ["a:6379", "b:6379"], **more}}


REFUSED = {
    "name of a Service": ({"fullnameOverride": "2cds"}, "The Service cannot be called 2cds; set fullnameOverride"),
    "cron": ({"backup": {"schedule": "daily"}}, "backup.schedule needs the five fields of cron"),
    "zone in cron": ({"backup": {"schedule": "TZ=UTC 1 2 * * *"}}, "backup.timeZone says where that is"),
    "claim alone": (
        {"backup": {"claim": {"accessModes": ["ReadWriteOncePod", "ReadWriteMany"]}}},
        "has ReadWriteOncePod, which stands alone",
    ),
    "no public URL": ({"config": {"publicUrl": ""}}, "config.publicUrl is needed"),
    "http": ({"config": {"publicUrl": "http://cds.example"}}, "config.publicUrl needs to be an https URL"),
    "query": ({"config": {"publicUrl": "https://cds.example/?a"}}, "config.publicUrl needs to be an https URL"),
    "no store": (NO_STORE, "store.url is needed: where your Redis or Valkey is"),
    "embedded": ({"store": {"url": "embedded:/data"}}, "a store inside of one pod"),
    "other store": ({"store": {"url": "postgres://x"}}, "store.url needs to begin with redis://"),
    "password in sight": (
        {"store": {"url": "redis://u:p@valkey"}},
        "put these into a Secret and name it in store.existingSecret",
    ),
    "two stores": ({"store": {"nodes": ["a:6379"]}}, "store.url and store.nodes both say where the store is"),
    "URL twice": ({"store": {"existingSecret": {"name": "s", "urlKey": "url"}}}, "urlKey holds the whole URL"),
    "no secret": ({"store": {"existingSecret": {"passwordKey": "p"}}}, "store.existingSecret.name is needed"),
    "no key": ({"store": {"existingSecret": {"name": "s"}}}, "needs urlKey or passwordKey"),
    "two passwords": ({"store": {"existingSecret": SECRET, "passwordFile": "/x"}}, "both say where the password is"),
    "two names": ({"store": {"existingSecret": {**SECRET, "usernameKey": "u"}, "username": "u"}}, "both say the name"),
    "user alone": ({"store": {"username": "u"}}, "store.username goes with a password"),
    "wrong node": ({"store": {"url": "", "nodes": ["redis://a"]}}, "redis://a is none"),
    "no service": (nodes("sentinel"), "store.sentinel.master is needed"),
    "which mode": (nodes("standalone"), "say with store.mode whether they are a cluster or sentinels"),
    "databases": (nodes("cluster", database=2), "store.database needs to be 0"),
    "no sentinels": (
        {"store": {"existingSecret": {**SECRET, "sentinelPasswordKey": "s"}}},
        "for a store behind sentinels",
    ),
    "sentinel TLS": (
        {"store": {"url": "redis+sentinel://a/m", "tls": {"enabled": True}}},
        "rediss+cluster:// or rediss+sentinel://",
    ),
    "TLS and redis": ({"store": {"tls": {"enabled": True}}}, "begins with rediss://, rediss+cluster://"),
    "TLS off": ({"store": {"tls": {"existingSecret": "c"}}}, "store.tls.existingSecret needs store.tls.enabled"),
    "half a certificate": (
        {"store": {"url": "rediss://a", "tls": {"enabled": True, "existingSecret": "c", "certKey": "tls.crt"}}},
        "store.tls.certKey and store.tls.keyKey go together",
    ),
    "files inside": ({"files": {"url": "file:/data"}}, "files.url names a place inside of one pod"),
    "other files": ({"files": {"url": "ftp://x"}}, "files.url needs s3://BUCKET/PREFIX"),
    "files twice": ({"files": {"url": "s3://b", "existingClaim": "c"}}, "files.url and files.existingClaim both say"),
    "no sealing": ({"secrets": {"keys": {"secretKeys": ""}}}, "secrets.keys.secretKeys is needed"),
    "JWT without keys": (
        {"config": {"accessTokenFormat": "jwt"}, "secrets": {"keys": {"signingKeys": ""}}},
        "jwt needs secrets.keys.signingKeys",
    ),
    "half an issuer": (
        {"config": {"userOidcIssuer": "https://x"}},
        "secrets.env.CDS_USER_OIDC_CLIENT_SECRET are all needed",
    ),
    "operators' issuer": (
        {"config": {"operatorOidcClientId": "x"}},
        "config.operatorOidcIssuer, config.operatorOidcClientId",
    ),
    "mails": ({"config": {"mailFrom": "a@b.example"}}, "config.mailFrom and secrets.env.CDS_SMTP_URL go together"),
    "two catalogs": ({"catalog": {"inline": "a", "existingConfigMap": "b"}}, "holds the whole catalog"),
    "files alone": ({"catalog": {"files": {"a.txt": "a"}}}, "catalog.files belong to a catalog"),
    "path": ({"catalog": {"inline": "a", "files": {"../a": "a"}}}, "../a is none"),
    "two scalers": (
        {"autoscaling": {"hpa": {"enabled": True}, "keda": {"enabled": True, "triggers": [{"type": "cpu"}]}}},
        "would pull at the same Deployment",
    ),
    "min over max": (
        {"autoscaling": {"hpa": {"enabled": True, "minReplicas": 11}}},
        "hpa.minReplicas is more than its maxReplicas",
    ),
    "nothing to go by": (
        {"autoscaling": {"hpa": {"enabled": True, "targetCPUUtilizationPercentage": ""}}},
        "autoscaling.hpa needs something to go by",
    ),
    "no request": (
        {"autoscaling": {"hpa": {"enabled": True}}, "resources": {"requests": {"cpu": None}}},
        "goes by a percentage of resources.requests.cpu, which is not there",
    ),
    "no triggers": ({"autoscaling": {"keda": {"enabled": True}}}, "autoscaling.keda.triggers is needed"),
    "both budgets": ({"pdb": {"minAvailable": 1}}, "exclude each other"),
    "no budget": ({"pdb": {"maxUnavailable": ""}}, "pdb needs maxUnavailable or minAvailable"),
    "none may go": ({"pdb": {"maxUnavailable": 0}}, "pdb lets no pod go"),
    "one of one": (
        {"replicaCount": 1, "pdb": {"maxUnavailable": "", "minAvailable": 1}},
        "pdb.minAvailable is 1 and there may be only 1 servers",
    ),
    "no time to end": ({"terminationGracePeriodSeconds": 30}, "terminationGracePeriodSeconds needs to be at least 50"),
    "no gateway": ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs is needed"),
    "two monitors": (
        {"metrics": {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}},
        "would count every request twice",
    ),
    "nothing to scrape": (
        {"config": {"metrics": False}, "metrics": {"podMonitor": {"enabled": True}}},
        "config.metrics is off",
    ),
    "no egress": (
        {"networkPolicy": {"enabled": True, "egress": {"enabled": True}}},
        "networkPolicy.egress.rules is needed",
    ),
    "node port": ({"service": {"nodePort": 30080}}, "service.nodePort needs service.type"),
    "set twice": (
        {"extraEnv": [{"name": "CDS_PUBLIC_URL", "value": "x"}]},
        "extraEnv has CDS_PUBLIC_URL, which another value sets",
    ),
    "secret in sight": ({"extraEnv": [{"name": "CDS_SMTP_URL", "value": "x"}]}, "CDS_SMTP_URL in plain sight"),
}

INVALID = {
    "misspelt": ({"replicas": 3}, "Additional property replicas is not allowed"),
    "misspelt inside": ({"store": {"existingsecret": {}}}, "store: Additional property existingsecret is not allowed"),
    "unknown setting": ({"config": {"publicURL": "x"}}, "config: Additional property publicURL is not allowed"),
    "mode": ({"store": {"mode": "replicated"}}, 'must be one of the following: "standalone", "cluster", "sentinel"'),
    "text for number": ({"replicaCount": "three"}, "replicaCount: Invalid type. Expected: integer, given: string"),
    "rate": ({"config": {"rateLimitClient": "fast"}}, "config.rateLimitClient: Does not match pattern"),
    "size": ({"config": {"maxBody": "much"}}, "config.maxBody: Does not match pattern"),
    "catalog": (
        {"catalog": {"inline": {"server": {}}}},
        "catalog.inline: Invalid type. Expected: string, given: object",
    ),
    "secret setting": (
        {"secrets": {"env": {"CDS_PUBLIC_URL": {"name": "a", "key": "b"}}}},
        "must be one of the following",
    ),
    "secret without key": ({"secrets": {"env": {"CDS_SMTP_URL": {"name": "a"}}}}, "key is required"),
    "low port": ({"server": {"port": 80}}, "server.port: Must be greater than or equal to 1024"),
    "digest": ({"image": {"digest": "latest"}}, "image.digest: Does not match pattern"),
    "ingress": ({"ingress": {"hosts": [{"paths": []}]}}, "host is required"),
}


def said_of(cases, directory):
    names = {f"case{number}": name for number, name in enumerate(cases)}
    values = {case: cases[name][0] for case, name in names.items()}
    return {names[case]: said for case, said in charts.refusals(values, directory).items()}


def test_what_does_not_go_together_is_refused_with_a_sentence(tmp_path):
    said = said_of(REFUSED, tmp_path)

    assert [name for name, (_, sentence) in REFUSED.items() if sentence not in said[name]] == []


def test_what_is_no_value_is_refused_by_its_name(tmp_path):
    said = said_of(INVALID, tmp_path)

    assert [name for name, (_, sentence) in INVALID.items() if sentence not in said[name]] == []


def test_what_is_needed_and_no_more_is_refused_by_nobody(tmp_path):
    assert charts.refusals({"needed": {}}, tmp_path) == {"needed": ""}


def test_helm_says_what_it_refuses():
    said = charts.refusal({"config": {"publicUrl": ""}})

    assert "These values cannot work together: - config.publicUrl is needed" in said
    assert "store.mode must be one of the following" in charts.refusal({"store": {"mode": "replicated"}})


def test_all_problems_are_told_at_once():
    said = charts.refusal({"files": {"url": "memory:"}, "terminationGracePeriodSeconds": 1}, base={})

    assert said.count(" - ") == 4


def test_a_parent_chart_may_put_anything_into_global():
    assert charts.render({"global": {"storageClass": "fast"}})
