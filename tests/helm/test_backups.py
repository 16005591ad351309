import importlib.util
import subprocess

import pytest

from tests.helm import charts

ON = {"backup": {"enabled": True}}
CRONJOB = "prairie-cds-registration-server-backup"
NIGHT = f"{CRONJOB}-2026-11-23T0217Z"


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("back_up", charts.CHART / "files" / "back_up.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(script, tmp_path, monkeypatch):
    """Run a Job; what it calls `cds-server` with is noted, and an export makes its file."""
    called = []

    def command(*words, key_file):
        called.append([*words, key_file])
        if words[0] == "export":
            (tmp_path / words[-1]).touch()

    def job(name, **more):
        called.clear()
        environ = {"DIRECTORY": str(tmp_path), "CRONJOB_NAME": CRONJOB, "JOB_NAME": name, "KEEP": "2", "FILES": "true"}
        for key, value in {**environ, **more}.items():
            monkeypatch.setenv(key, value)
        script.main()
        return [[word.removeprefix(f"{tmp_path}/") for word in words] for words in called]

    monkeypatch.setattr(script, "command", command)
    monkeypatch.setattr(script.signal, "signal", lambda *_: None)
    return job


def cronjob(manifests):
    return charts.only(manifests, "CronJob")["spec"]


def pod_of(manifests):
    return cronjob(manifests)["jobTemplate"]["spec"]["template"]["spec"]


def test_no_back_ups_are_made_unless_somebody_wants_them():
    assert not {"CronJob", "PersistentVolumeClaim"} & {one["kind"] for one in charts.render()}


def test_a_back_up_is_made_every_night_and_never_two_at_a_time():
    found = cronjob(charts.render(ON))
    pod = pod_of(charts.render(ON))

    assert (found["schedule"], found["concurrencyPolicy"], "timeZone" in found) == ("17 2 * * *", "Forbid", False)
    assert (pod["restartPolicy"], len(pod["containers"])) == ("Never", 1)
    assert "topologySpreadConstraints" not in pod
    assert "livenessProbe" not in pod["containers"][0]


def test_a_back_up_has_the_settings_of_the_server_and_room_to_write_to():
    manifests = charts.render({**ON, "extraContainers": [{"name": "sidecar", "image": "x"}]})
    pod = pod_of(manifests)
    environ = charts.environment(pod["containers"][0])

    assert environ.items() >= charts.environment(charts.server(manifests)).items()
    assert environ["DIRECTORY"] == "/backups"
    assert environ["CRONJOB_NAME"] == charts.only(manifests, "CronJob")["metadata"]["name"] == CRONJOB
    assert {"mountPath": "/backups", "name": "backups"} in pod["containers"][0]["volumeMounts"]
    claim = next(one for one in pod["volumes"] if one["name"] == "backups")["persistentVolumeClaim"]["claimName"]
    assert claim == charts.only(manifests, "PersistentVolumeClaim")["metadata"]["name"]
    assert [one["name"] for one in pod["containers"]] == ["backup"]


def test_an_uninstall_leaves_the_back_ups_behind():
    claim = charts.only(charts.render(ON), "PersistentVolumeClaim")

    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert claim["spec"] == {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}}


def test_a_claim_of_yours_is_used_and_none_is_made():
    manifests = charts.render({"backup": {"enabled": True, "existingClaim": "mine"}})

    assert {"name": "backups", "persistentVolumeClaim": {"claimName": "mine"}} in pod_of(manifests)["volumes"]
    assert charts.of_kind(manifests, "PersistentVolumeClaim") == []


def test_the_key_of_the_files_comes_from_a_secret_of_yours():
    pod = pod_of(charts.render({"backup": {"enabled": True, "keyFile": {"existingSecret": "k", "key": "words"}}}))
    secret = {"secretName": "k", "items": [{"key": "words", "path": "words"}]}

    assert charts.environment(pod["containers"][0])["KEY_FILE"] == "/etc/cds/backup-key/words"
    assert {"name": "backup-key", "secret": secret} in pod["volumes"]
    assert "KEY_FILE" not in charts.environment(pod_of(charts.render(ON))["containers"][0])


def test_the_volume_belongs_to_a_group_of_ours_unless_openshift_gives_one():
    def group(more, *options):
        return pod_of(charts.render(charts.merged(ON, more), *options))["securityContext"].get("fsGroup")

    assert group({}) == 10001
    assert group({"podSecurityContext": {"fsGroup": 7}}) == 7
    assert group({"backup": {"fsGroup": ""}}) is None
    assert group({}, "--api-versions", "security.openshift.io/v1") is None


def test_nobody_gets_to_the_pod_of_a_back_up():
    policy = charts.only(charts.render({**ON, "networkPolicy": {"enabled": True}}), "NetworkPolicy", "backup")["spec"]

    assert (policy["policyTypes"], "ingress" in policy) == (["Ingress"], False)
    assert policy["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "backup"


def test_an_old_back_up_raises_an_alarm_where_there_are_any():
    metrics = {"metrics": {"prometheusRule": {"enabled": True}}}
    rules = charts.only(charts.render({**ON, **metrics}), "PrometheusRule")["spec"]["groups"][0]["rules"]
    (rule,) = (one for one in rules if one["alert"] == "CdsBackupOld")
    selector = f'{{namespace="cds",cronjob="{CRONJOB}"}}'

    assert rule["expr"] == (
        f"time() - max(kube_cronjob_status_last_successful_time{selector} or kube_cronjob_created{selector}) > 129600"
    )
    assert "CdsBackupOld" not in str(charts.render(metrics))


def test_a_planned_back_up_is_named_after_its_moment_and_read_from_beginning_to_end(run):
    assert run(f"{CRONJOB}-29923337", KEY_FILE="/k") == [
        ["export", "--files", NIGHT, "/k"],
        ["import", "--check", NIGHT, "/k"],
    ]


def test_a_back_up_without_files_says_so(run):
    assert run(f"{CRONJOB}-29923337", FILES="false")[0] == ["export", "--no-files", NIGHT, ""]


def test_a_retry_of_a_job_that_had_written_its_file_reads_it_again(run, tmp_path):
    (tmp_path / NIGHT).touch()

    assert run(f"{CRONJOB}-29923337") == [["import", "--check", NIGHT, ""]]


def test_the_youngest_are_kept_and_with_them_what_is_not_ours_to_remove(run, tmp_path):
    old = [f"{CRONJOB}-2026-11-{day}T0217Z" for day in (20, 21, 22)]
    stay = ["before-upgrade", f"{CRONJOB}-notes", "lost+found", f"{CRONJOB}-2026-11-24T0217Z.part"]
    for name in [*old, *stay, f"{CRONJOB}-2026-11-22T0317Z.part"]:
        (tmp_path / name).touch()

    run(f"{CRONJOB}-29923337")

    assert {one.name for one in tmp_path.iterdir()} == {NIGHT, old[2], *stay}


def test_a_back_up_that_somebody_makes_has_its_name_and_removes_nothing(run, tmp_path):
    old = [f"{CRONJOB}-2026-11-{day}T0217Z" for day in (20, 21, 22)]
    for name in old:
        (tmp_path / name).touch()

    assert run("before-upgrade")[0] == ["export", "--files", "before-upgrade", ""]
    assert {one.name for one in tmp_path.iterdir()} == {*old, "before-upgrade"}


def test_a_back_up_that_failed_removes_nothing_and_fails_the_job(run, script, tmp_path, monkeypatch):
    old = {f"{CRONJOB}-2026-11-{day}T0217Z" for day in (20, 21, 22)}
    for name in old:
        (tmp_path / name).touch()

    def fail(*words, key_file):
        raise subprocess.CalledProcessError(3, words)

    monkeypatch.setattr(script, "command", fail)
    with pytest.raises(SystemExit) as ended:
        run(f"{CRONJOB}-29923337")

    assert ended.value.code == 3
    assert {one.name for one in tmp_path.iterdir()} == old


def test_a_volume_that_cannot_be_written_to_is_told_with_what_helps(run, script, monkeypatch):
    monkeypatch.setattr(script.os, "access", lambda *_: False)

    with pytest.raises(SystemExit, match=r"its volume needs another backup\.fsGroup"):
        run("before-upgrade")
