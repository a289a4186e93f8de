"""Find the project that a command-line argument names."""

from __future__ import annotations

from pulse_server.arguments import CommandFailed, did_you_mean
from pulse_storage.control_store import ControlStore
from pulse_storage.rows import Project


async def find_project(storage: ControlStore, named: str) -> Project:
    """Return the project with the id `named`, else the project with that name.

    Raises CommandFailed, with a similar name as a suggestion, if there is none.
    """
    projects = await storage.list_projects()
    found = [project for project in projects if project.id == named]
    found = found or [project for project in projects if project.name == named]
    if not found:
        nearest = did_you_mean(named, [project.name for project in projects])
        hint = nearest or "; `pulse projects list` lists all projects"
        raise CommandFailed(f"no project has the id or name '{named}'{hint}")
    return found[0]
