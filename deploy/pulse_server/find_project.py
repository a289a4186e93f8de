"""Finds the project that a command line names."""

from __future__ import annotations

from pulse_server.arguments import CommandFailed, did_you_mean
from pulse_storage.adapter import StorageAdapter
from pulse_storage.rows import Project


async def find_project(storage: StorageAdapter, named: str) -> Project:
    """Return the project with this id, else the one with this name. Raises CommandFailed."""
    projects = await storage.list_projects()
    found = [project for project in projects if project.id == named]
    found = found or [project for project in projects if project.name == named]
    if not found:
        nearest = did_you_mean(named, [project.name for project in projects])
        hint = nearest or "; `pulse projects list` shows them"
        raise CommandFailed(f"no project is called '{named}'{hint}")
    return found[0]
