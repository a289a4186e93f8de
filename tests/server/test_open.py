"""`pulse open`, and the sign-in links of `pulse serve` and `pulse demo`, against running servers."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import replace
from http.cookiejar import CookieJar
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.server.serving import READY_WITHIN_S, Serving, environ_for, free_ports, run_pulse, serving


class _Page:
    """A page of the server: same-origin requests with the cookies of earlier responses."""

    def __init__(self, url: str) -> None:
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self._http = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)
        self._url = url

    def request(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Send a request; return the status and the JSON of the answer, None if it is empty."""
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Sec-Fetch-Site": "same-origin"}
        request = urllib.request.Request(self._url + path, sent, headers, method=method)
        try:
            with self._http.open(request, timeout=30) as answer:
                content = answer.read()
                return answer.status, json.loads(content) if content else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def sign_in(self, link: str) -> dict[str, Any]:
        """Sign in with the token of a link; return the session."""
        status, _ = self.request("POST", "/sign-in", {"token": link.partition("#in=")[2]})
        assert status == 204
        status, session = self.request("GET", "/sign-in")
        assert status == 200
        return session


def _open(environ: dict[str, str], *options: str) -> dict[str, Any]:
    """Run `pulse open --json` and return the printed object."""
    done = run_pulse("open", "--json", *options, environ=environ)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_open_prints_a_link_that_signs_in_once(tmp_path: Path, database_url: str) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir, DATABASE_URL=database_url) as server:
        assert not any("#in=" in line for line in server.printed)
        environ = environ_for(data_dir, server.ports, DATABASE_URL=database_url)
        done = run_pulse("open", "--no-browser", environ=environ)
        assert done.returncode == 0, done.stderr
        link = done.stdout.splitlines()[0]
        assert re.fullmatch(rf"{re.escape(server.url)}/#in=[\w-]{{22}}", link)
        page = _Page(server.url)
        session = page.sign_in(link)
        [project] = session["projects"]
        assert (project["name"], project["scopes"], session["admin"]) == ("default", ["read"], False)
        status, listed = page.request("GET", f"/p/{project['project_id']}/v1/traces")
        assert (status, listed["traces"]) == (200, [])
        assert _Page(server.url).request("POST", "/sign-in", {"token": link.partition("#in=")[2]})[0] == 401
        shown = _open(environ, "--admin", "--no-browser")
        assert (shown["admin"], shown["opened"]) == (True, False)
        assert _Page(server.url).sign_in(shown["url"])["admin"] is True
        # The browser gets the link; the public URL is that of the link.
        opened = tmp_path / "opened"
        script = tmp_path / "browser"
        script.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
        script.chmod(0o700)
        public = {"BROWSER": f"{script} %s", "PULSE_PUBLIC_URL": "https://ops.example/pulse"}
        shown = _open(environ | public)
        assert shown["opened"] is True
        assert opened.read_text().strip() == shown["url"]
        assert shown["url"].startswith("https://ops.example/pulse/#in=")
        _refuses_another_store(tmp_path, server)


def _refuses_another_store(tmp_path: Path, server: Serving) -> None:
    environ = environ_for(tmp_path / "other", server.ports)
    assert run_pulse("projects", "create", "other", environ=environ).returncode == 0
    done = run_pulse("open", environ=environ)
    assert (done.returncode, done.stdout) == (1, "")
    assert "uses another store; set DATABASE_URL or PULSE_DATA_DIR" in done.stderr


def test_open_without_a_server_names_the_fix(tmp_path: Path) -> None:
    environ = environ_for(tmp_path / "data", free_ports())
    missing = run_pulse("open", environ=environ)
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
    assert "there is no store" in missing.stderr
    assert run_pulse("projects", "create", "shop", environ=environ).returncode == 0
    done = run_pulse("open", environ=environ)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"no server answers at http://127.0.0.1:{environ['PORT']}; start one" in done.stderr
    # A server with a public URL may run on another machine.
    shown = _open(environ | {"PULSE_PUBLIC_URL": "https://ops.example"}, "--no-browser")
    assert shown["url"].startswith("https://ops.example/#in=")
    unknown = run_pulse("open", "--port", "0", environ=environ)
    assert (unknown.returncode, "PORT is 0" in unknown.stderr) == (1, True)


class _OtherProgram(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_open_on_the_port_of_another_program_is_refused(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), _OtherProgram) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        ports = replace(free_ports(), main=other.server_port)
        environ = environ_for(tmp_path / "data", ports)
        assert run_pulse("projects", "create", "shop", environ=environ).returncode == 0
        done = run_pulse("open", environ=environ)
        other.shutdown()
    assert done.returncode == 1
    assert f"another program answers at http://127.0.0.1:{ports.main}" in done.stderr


def test_serve_prints_a_link_on_a_terminal_only(tmp_path: Path) -> None:
    ports = free_ports()
    terminal, output = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pulse_server", "serve"],
        env=environ_for(tmp_path / "data", ports),
        stdout=output,
        stderr=subprocess.DEVNULL,
    )
    os.close(output)
    overdue = threading.Timer(READY_WITHIN_S, process.kill)
    overdue.start()
    try:
        printed = ""
        while "Ctrl-C stops it." not in printed:
            printed += os.read(terminal, 65_536).decode()
        link = re.search(r"http://127\.0\.0\.1:\d+/#in=[\w-]{22}", printed)
        assert link is not None
        session = _Page(f"http://127.0.0.1:{ports.main}").sign_in(link[0])
        assert ([project["name"] for project in session["projects"]], session["admin"]) == (
            ["default"],
            False,
        )
    finally:
        overdue.cancel()
        process.kill()
        process.wait()
        os.close(terminal)
