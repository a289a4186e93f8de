"""`POST`, `GET` and `DELETE /sign-in`: begin, show and end a web session."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from pulse_query_api import bodies
from pulse_query_api.auth import AdminKey
from pulse_query_api.errors import PROBLEM_DETAILS, ApiError
from pulse_query_api.params import no_query
from pulse_query_api.responses import json_response
from pulse_storage.control_store import ControlStore
from pulse_storage.keys import READ, KeyRefused, KeyRing, ScopeMissing
from pulse_storage.rows import WebSession
from pulse_storage.runtime.deadlines import LOOK_UP_DEADLINE_S, answer_within
from pulse_storage.trace_json import rfc3339
from pulse_web.attempts import SignInAttempts
from pulse_web.session_ring import NotSignedIn, Rights, SessionRing, new_secret, secret_digest
from pulse_web.site import Site

SESSION_S = 30 * 24 * 60 * 60
ADMIN_S = 30 * 60
_CREDENTIALS = ("token", "key", "admin_key")

_audit = logging.getLogger("pulse.audit")


class SignInRoute(Route):
    """A route of `/sign-in`: needs no session, has no query, and responds to errors with problem details."""

    def __init__(self, handler: Callable[[Request], Awaitable[Response]], method: str) -> None:
        async def endpoint(request: Request) -> Response:
            no_query(request.scope["query_string"])
            return await handler(request)

        super().__init__("/sign-in", endpoint, methods=[method], name=handler.__name__)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record the format of errors in the scope, then run the route."""
        scope[PROBLEM_DETAILS] = True
        await super().handle(scope, receive, send)


class SignIn:
    """Checks credentials and begins sessions with them."""

    def __init__(
        self, storage: ControlStore, keys: KeyRing, admin_key: AdminKey, sessions: SessionRing
    ) -> None:
        self._storage = storage
        self._keys = keys
        self._admin_key = admin_key
        self._sessions = sessions

    async def begin(self, field: str, credential: str, previous: str | None) -> str:
        """Begin a session with the rights of a credential and of the previous session; return its secret.

        `field` is the name of the credential's field, `previous` the secret of the session to replace. A new
        secret each time: a session that another program has planted in the browser gets no further rights.
        Raises ApiError 401 or 403 if the credential is not valid.
        """
        # The token, which is valid once, is used last.
        before = None if previous is None else await self._rights(previous)
        secret, now_ns = new_secret(), time.time_ns()
        session = await self._session(field, credential, secret, now_ns)
        if before is not None:
            session = self._merged(session, before, secret)
        replaces = None if previous is None else secret_digest(previous)
        await self._storage.put_web_session(session, replaces=replaces)
        if previous is not None:
            self._sessions.forget(previous)
        _audit.info("web session begun with a %s", field.replace("_", " "))
        return secret

    async def end(self, secret: str) -> None:
        """Delete the session with this secret, if there is one."""
        if await self._storage.delete_web_session(secret_digest(secret)):
            _audit.info("web session ended")
        self._sessions.forget(secret)

    async def _session(self, field: str, credential: str, secret: str, now_ns: int) -> WebSession:
        """Return the session that a credential alone gives. Raises ApiError if it is not valid."""
        expires_ns = now_ns + SESSION_S * 1_000_000_000
        session = WebSession(secret_digest(secret), (), False, None, None, now_ns, expires_ns, now_ns)
        admin_until_ns = now_ns + ADMIN_S * 1_000_000_000
        if field == "token":
            token = await self._storage.use_sign_in_token(secret_digest(credential), now_ns)
            if token is None:
                raise _refused(
                    "This link was used before, or its ten minutes are over; run `pulse open` again."
                )
            return session._replace(reads_all=True, admin_until_ns=admin_until_ns if token.is_admin else None)
        if field == "admin_key":
            if not self._admin_key.is_set:
                raise ApiError(
                    403,
                    "This server has no admin key: start it with ADMIN_KEY set to at least 32 characters, or"
                    " run `pulse open --admin`.",
                )
            if not self._admin_key.equals(credential.encode()):
                raise _refused("This is not the server's admin key (ADMIN_KEY).")
            return session._replace(admin_until_ns=admin_until_ns, admin_proof=self._admin_key.proof(secret))
        try:
            key = await self._keys.check(f"Bearer {credential}", READ)
        except KeyRefused as error:
            raise _refused("This is not a valid API key of a project on this server.") from error
        except ScopeMissing as error:
            raise ApiError(403, "This API key lacks the scope 'read'; use one that has it.") from error
        return session._replace(keys=(key,))

    async def _rights(self, secret: str) -> Rights | None:
        """Return the rights of a session, read from the store; None if there is none."""
        async with answer_within(LOOK_UP_DEADLINE_S):
            session = await self._storage.web_session(secret_digest(secret))
        return None if session is None else self._sessions.rights_of(session, secret)

    def _merged(self, session: WebSession, before: Rights, secret: str) -> WebSession:
        """Return the new session with the rights that the previous one still has."""
        previous = before.session
        proof, until_ns = session.admin_proof, session.admin_until_ns
        return session._replace(
            keys=(*previous.keys, *session.keys),
            reads_all=previous.reads_all or session.reads_all,
            admin_until_ns=previous.admin_until_ns if until_ns is None and before.is_admin else until_ns,
            admin_proof=self._admin_key.proof(secret) if proof is None and before.is_proved else proof,
        )


def sign_in_routes(
    sign_in: SignIn, sessions: SessionRing, site: Site, attempts: SignInAttempts | None = None
) -> list[BaseRoute]:
    """Return the routes of `/sign-in`."""
    running = attempts or SignInAttempts()

    def secret_of(request: Request) -> str | None:
        return request.cookies.get(site.cookie_name(request))

    async def post_sign_in(request: Request) -> Response:
        field, credential = _credential(await bodies.read(request))
        async with running.attempt(request.client.host if request.client else ""):
            secret = await sign_in.begin(field, credential, secret_of(request))
        return _with_cookie(request, site, secret, SESSION_S)

    async def get_sign_in(request: Request) -> Response:
        rights = await sessions.rights(secret_of(request))
        return json_response(session_object(rights, await _projects_of(rights, sessions)))

    async def delete_sign_in(request: Request) -> Response:
        secret = secret_of(request)
        if secret:
            await sign_in.end(secret)
        return _with_cookie(request, site, "", 0)

    return [
        SignInRoute(post_sign_in, "POST"),
        SignInRoute(get_sign_in, "GET"),
        SignInRoute(delete_sign_in, "DELETE"),
    ]


def session_object(rights: Rights, projects: Mapping[str, str]) -> dict[str, object]:
    """Return the JSON object of a session; `projects` are the names of the projects that it reads, by id."""
    until_ns = rights.session.admin_until_ns
    return {
        "admin": rights.is_admin,
        "admin_until": rfc3339(until_ns) if rights.is_admin and until_ns is not None else None,
        "projects": [
            {"project_id": id, "name": name, "scopes": sorted(rights.scopes_in(id))}
            for id, name in projects.items()
        ],
        "expires_at": rfc3339(rights.session.expires_ns),
    }


async def _projects_of(rights: Rights, sessions: SessionRing) -> dict[str, str]:
    """Return the names of the projects that a session reads, by id. Raises NotSignedIn if there are none.

    A session that reads all projects may have none: the store has no project yet.
    """
    projects = await sessions.projects()
    found = {id: project.name for id, project in projects.items() if rights.scopes_in(id)}
    if not found and not rights.reads_all:
        raise NotSignedIn
    return found


def _credential(document: Mapping[str, object]) -> tuple[str, str]:
    """Return the name and the value of the one field of a sign-in. Raises InvalidRequest."""
    fields = bodies.Fields(document, _CREDENTIALS)
    given = [(name, document[name]) for name in _CREDENTIALS if name in document]
    name, value = given[0] if given else ("", None)
    if len(given) != 1:
        fields.add_problem("", f"the body must have one of {', '.join(_CREDENTIALS)}")
    elif not isinstance(value, str) or not value.strip():
        fields.add_problem(name, "must be a text that is not blank")
    fields.finish()
    return name, str(value).strip()


def _with_cookie(request: Request, site: Site, secret: str, max_age_s: int) -> Response:
    """Return a 204 that sets the session cookie, or deletes it if `max_age_s` is 0."""
    response = Response(status_code=204)
    response.set_cookie(
        site.cookie_name(request),
        secret,
        max_age=max_age_s,
        path="/",
        secure=site.is_https(request),
        httponly=True,
        samesite="strict",
    )
    return response


def _refused(sentence: str) -> ApiError:
    return ApiError(401, sentence, headers={"WWW-Authenticate": "Session"})
