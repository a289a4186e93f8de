"""SessionAccess: read routes below `/p/{project}`, for web sessions."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from pulse_query_api.auth import ProjectHandler
from pulse_query_api.concurrency import ProjectConcurrency
from pulse_query_api.errors import ApiError
from pulse_storage.keys import READ
from pulse_web.session_ring import SessionRing
from pulse_web.site import Site


class SessionAccess:
    """Check that the request's web session may read the project of the path, and limit its requests.

    The session comes from the cookie alone; keys are ignored. `concurrency` is shared with `ReadAccess`: a
    project has one limit for both.
    """

    prefix = "/p/{project}"

    def __init__(self, sessions: SessionRing, site: Site, concurrency: ProjectConcurrency) -> None:
        self._sessions = sessions
        self._site = site
        self._concurrency = concurrency

    async def respond(self, request: Request, handler: ProjectHandler) -> Response:
        """Return the handler's response for the project of the path.

        Raises NotSignedIn without a session, ApiError 404 for a project that does not exist or that the
        session may not read, 429 for too many requests of the project.
        """
        rights = await self._sessions.rights(request.cookies.get(self._site.cookie_name(request)))
        project_id: str = request.path_params["project"]
        # A project whose key is valid exists; an id that is not a key's is checked against all projects.
        is_known = project_id in rights.scopes or project_id in await self._sessions.projects()
        if not is_known or READ not in rights.scopes_in(project_id):
            raise ApiError(404, "There is no such project, or this session may not read it.")
        async with self._concurrency.limit(project_id):
            return await handler(request, project_id)
