"""The HTTP face: hostile bodies, limits, the token, and what operators read."""

import asyncio
import json
from contextlib import asynccontextmanager

import httpx
import pytest
from serve_system import FROM, PLAN, open_service, promote

from hindcast.serve import Limits, build_app

TOKEN = "0123456789abcdef0123"
WHO = {"who": "ann", "lane": 1, "hour": 19}
TRIP = {"id": "t1", "at": "2026-07-25T17:00:00Z", "who": "ann", "x": 1.5, "word": "up"}


@pytest.fixture
def home(tmp_path):
    promote(tmp_path / "home")
    return tmp_path / "home"


@asynccontextmanager
async def served(home, *, headers=None, wait=True, options=None, **app_options):
    async def opener():
        return await asyncio.to_thread(
            lambda: open_service(
                home, **{"sync": False, "replay_from": FROM, "drain_every_s": 600.0, **(options or {})}
            )
        )

    app = build_app(opener, **app_options)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://server", headers=headers
        ) as client,
    ):
        if wait:
            await app.state.opening
        yield client


def story(coroutine):
    asyncio.run(coroutine())


def test_a_request_is_answered_with_what_was_asked_for(home):
    async def told():
        async with served(home) as client:
            push = (await client.post("/v1/facts/trips", json={"rows": [TRIP], "key": "k"})).json()
            assert (push["accepted"], push["repeated"]) == (1, False)
            body = {"requests": [{**WHO, "request_id": "q", "group": "g"}, WHO]}
            short = (await client.post("/v1/predict", json=body)).json()["predictions"]
            assert set(short[0]) == {"request_id", "probability", "decision", "version", "as_of"}
            assert short[0]["request_id"] == "q"
            full = (await client.post("/v1/predict", json={**body, "explain": True})).json()["predictions"][0]
            assert full["as_of"] == short[0]["as_of"]
            assert full["features"]["trips_x_by_who"] == 1.5
            assert list(full["features"]) == list(PLAN.names)
            assert full["ages_s"]["trips_x_by_who"] > 0
            assert full["explain"]["role"] == "champion"
            given = {"given": [full["features"]]}
            again = (await client.post("/v1/predict", json=given)).json()["predictions"][0]
            assert again["probability"] == full["probability"]

    story(told)


HOSTILE = [
    (b"", "not JSON"),
    (b"{", "not JSON"),
    (b"\xff\xfe", "not JSON"),
    (b"[" * 100_000, "expected"),
    (b'{"requests":' + b"[" * 100_000, "expected"),
    (b'{"requests":[{"who":' + b'{"a":' * 100_000, "expected"),
    (b'{"requests":[{"who":"\\ud800","lane":1,"hour":1}]}', "not JSON"),
    (b'{"requests":[{"who":"a","lane":1,"hour":NaN}]}', "not JSON"),
    (b'{"requests":[{"who":"a","lane":1,"hour":1e999}]}', ""),
    (b'{"requests":[{"who":"a","lane":1,"hour":' + b"9" * 5_000 + b"}]}", ""),
    (b'{"requests":[{"who":"a","lane":99999999999999999999,"hour":1}]}', "whole number"),
    (b'{"requests":[{"who":"a","lane":1.5,"hour":1}]}', "whole number"),
    (b'{"requests":[{"who":1,"lane":1,"hour":1}]}', "a text was expected"),
    (b'{"requests":[{"who":"a","lane":true,"hour":1}]}', "whole number"),
    (b'{"requests":[{"who":"a","lane":1}]}', "no value for 'hour'"),
    (b'{"requests":[{"who":"a","lane":1,"hour":1,"houre":1}]}', "Did you mean 'hour'"),
    (b'{"requests":[{"who":"a","lane":1,"hour":1,"request_id":7}]}', "request_id must be a text"),
    (b'{"requests":[{"who":"a","lane":1,"hour":1,"as_of":"yesterday"}]}', "is not a moment"),
    (b'{"requests":[]}', "1 to 20 requests"),
    (b'{"requests":[' + b",".join([b'{"who":null,"lane":null,"hour":null}'] * 21) + b"]}", "1 to 20 requests"),
    (b'{"requests":[{}],"given":[{}]}', "either"),
    (b"{}", "either"),
    (b'{"request":[]}', "unknown field `request`"),
    (b'{"given":[{"hours":1}]}', "Did you mean 'hour'"),
    (b'{"given":[{"hour":1}]}', "reads feature"),
]


def test_hostile_requests_are_told_what_is_wrong_and_change_nothing(home):
    async def told():
        async with served(home, limits=Limits(requests=20, rows=5)) as client:
            for body, reason in HOSTILE:
                answer = await client.post("/v1/predict", content=body, headers={"content-type": "application/json"})
                assert answer.status_code == 422, (body[:80], answer.text)
                assert reason in answer.json()["error"]["message"], (body[:80], answer.text)
                assert len(answer.content) < 2_000
            lag = (await client.get("/metrics")).text
            assert "hindcast_journal_lag_records 0.0" in lag

    story(told)


PUSHES = [
    ("trips", {"rows": []}, 422, "1 to 5 rows"),
    ("trips", {"rows": [TRIP] * 6}, 422, "1 to 5 rows"),
    ("trips", {"rows": [{**TRIP, "colour": "red"}]}, 422, "no column 'colour'"),
    ("trips", {"rows": [{**TRIP, "x": "1"}]}, 422, "row 1, column 'x', value '1'"),
    ("trips", {"rows": [TRIP, {**TRIP, "at": "2026-07-25T17:00:00"}]}, 422, "has no zone"),
    ("trips", {"rows": [{**TRIP, "at": "3000-01-01"}]}, 422, "years 1900 to 2199"),
    ("trips", {"rows": [{**TRIP, "id": None}]}, 422, "is null"),
    ("trips", {"rows": [TRIP], "key": ""}, 422, "1 to 200"),
    ("trips", {"rows": [TRIP], "on_bad_rows": "ignore"}, 422, "Invalid enum value"),
    ("trips", {"rows": [TRIP], "arrival": "2001-01-01"}, 422, "in order"),
    ("trip", {"rows": [TRIP]}, 404, "Did you mean 'trips'"),
    ("x" * 5_000, {"rows": [TRIP]}, 404, "no table"),
]


def test_bad_pushes_are_told_what_is_wrong_and_change_nothing(home):
    async def told():
        async with served(home, limits=Limits(requests=20, rows=5)) as client:
            for table, body, status, reason in PUSHES:
                answer = await client.post(f"/v1/facts/{table}", json=body)
                assert answer.status_code == status, answer.text
                assert reason in answer.json()["error"]["message"], answer.text
            assert "hindcast_journal_lag_records 0.0" in (await client.get("/metrics")).text
            body = {"rows": [TRIP, {**TRIP, "x": "1"}], "on_bad_rows": "quarantine"}
            answer = (await client.post("/v1/facts/trips", json=body)).json()
            assert (answer["accepted"], answer["quarantined"]) == (1, 1)
            assert answer["refused"] == [
                {"row": 2, "column": "x", "value": "1", "reason": "a finite number was expected"}
            ]

    story(told)


def test_bodies_are_bounded_and_must_be_json(home):
    async def told():
        async with served(home, limits=Limits(body_bytes=1_000)) as client:
            big = json.dumps({"requests": [WHO] * 100}).encode()
            headers = {"content-type": "application/json"}
            assert (await client.post("/v1/predict", content=big, headers=headers)).status_code == 413

            async def parts():
                for at in range(0, len(big), 100):
                    yield big[at : at + 100]

            assert (await client.post("/v1/predict", content=parts(), headers=headers)).status_code == 413
            for kind in ("text/plain", "", "application/x-www-form-urlencoded"):
                answer = await client.post("/v1/predict", content=b"{}", headers={"content-type": kind})
                assert answer.status_code == 415
            answer = await client.post(
                "/v1/predict",
                content=json.dumps({"requests": [WHO]}),
                headers={"content-type": "application/json; charset=utf-8"},
            )
            assert answer.status_code == 200

    story(told)


def test_unknown_paths_and_methods_are_answered_in_json(home):
    async def told():
        async with served(home) as client:
            missing, wrong = await client.get("/v2/predict"), await client.get("/v1/predict")
            assert (missing.status_code, wrong.status_code) == (404, 405)
            assert "GET /v1/predict" in wrong.json()["error"]["message"]
            assert 'path="other",status="404"' in (await client.get("/metrics")).text

    story(told)


def test_with_a_token_everything_but_health_needs_it(home):
    async def told():
        async with served(home, token=TOKEN) as client:
            good = {"authorization": f"Bearer {TOKEN}"}
            for path in ("/", "/v1/model", "/metrics", "/openapi.json", "/nothing"):
                assert (await client.get(path)).status_code == 401
                assert (await client.get(path, headers={"authorization": f"Bearer {TOKEN}x"})).status_code == 401
                assert (await client.get(path, headers={"authorization": TOKEN})).status_code == 401
                assert (await client.get(path, headers=good)).status_code in (200, 404)
            assert (await client.post("/v1/predict", json={"requests": [WHO]})).status_code == 401
            assert (await client.post("/v1/predict", json={"requests": [WHO]}, headers=good)).status_code == 200
            assert (await client.get("/health/live")).status_code == 200
            assert (await client.get("/health/ready")).status_code == 200
            assert "security" in (await client.get("/openapi.json", headers=good)).json()

    story(told)


def test_while_the_state_is_loading_only_health_answers(tmp_path):
    async def told():
        loaded = asyncio.Event()

        async def opener():
            await loaded.wait()
            return open_service(tmp_path / "home", sync=False)

        app = build_app(opener)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server") as client,
        ):
            assert (await client.get("/health/live")).status_code == 200
            waiting = await client.get("/health/ready")
            assert (waiting.status_code, waiting.json()["ready"]) == (503, False)
            answer = await client.post("/v1/predict", json={"requests": [WHO]})
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"
            loaded.set()
            await app.state.opening
            idle = await client.get("/health/ready")
            assert (idle.status_code, "no version" in idle.json()["status"]) == (503, True)
            promote(tmp_path / "home")
            await app.state.service.refresh()
            assert (await client.get("/health/ready")).status_code == 200

    story(told)


def test_a_fault_of_ours_is_a_500_and_the_next_request_is_fine(home, monkeypatch):
    async def told():
        async with served(home) as client:
            with monkeypatch.context() as patch:
                from hindcast.serve.predictor import Predictor

                patch.setattr(Predictor, "predict", lambda *_: 1 / 0)
                assert (await client.post("/v1/predict", json={"requests": [WHO]})).status_code == 500
            assert (await client.post("/v1/predict", json={"requests": [WHO]})).status_code == 200

    story(told)


def test_operators_read_metrics_model_and_page(home, tmp_path):
    report = tmp_path / "report.html"

    async def told():
        async with served(home, page=report) as client:
            await client.post("/v1/facts/trips", json={"rows": [TRIP]})
            await client.post("/v1/predict", json={"requests": [WHO]})
            text = (await client.get("/metrics")).text
            for line in (
                'hindcast_requests_total{path="/v1/predict",status="200"} 1.0',
                'hindcast_predictions_total{role="champion",version="v1"} 1.0',
                'hindcast_facts_total{table="trips"} 1.0',
                'hindcast_champion{version="v1"} 1.0',
                "hindcast_journal_lag_records 2.0",
                'hindcast_request_seconds_count{path="/v1/facts"} 1.0',
            ):
                assert line in text
            assert "hindcast_state_age_seconds" in text
            model = (await client.get("/v1/model")).json()
            assert (model["champion"], model["features"]["identity"]) == ("v1", PLAN.identity)
            assert "v1 serves" in (await client.get("/")).text
            report.write_text("<h1>The report</h1>")
            assert (await client.get("/")).text == "<h1>The report</h1>"

    story(told)


def test_the_description_is_complete_and_says_what_is_declared(home):
    async def told():
        async with served(home) as client:
            document = (await client.get("/openapi.json")).json()
            assert document["openapi"].startswith("3.1")
            request = document["components"]["schemas"]["Request"]
            assert request["required"] == ["hour", "who", "lane"]
            assert request["properties"]["lane"]["type"] == ["integer", "null"]
            assert "as_of" in request["properties"]
            assert set(document["paths"]) == {
                "/v1/predict", "/v1/facts/trips", "/v1/facts/pings", "/v1/facts/labels", "/v1/model", "/health/live",
                "/health/ready", "/metrics",
            }  # fmt: skip
            names = {ref.rsplit("/", 1)[-1] for ref in _references(document)}
            assert names <= set(document["components"]["schemas"])

    story(told)


def _references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
