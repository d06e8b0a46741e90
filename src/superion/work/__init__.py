"""The engine of work: steps and pieces that are done once, where they are done, and what survives a kill.

A `Step` writes files; `state.json` of its folder tells whether they still hold (`state`, `step`). A piece is
one value among many; a journal keeps each under its key (`journal`, `pieces`). Both are done by an executor:
`serial`, `processes:4`, `threads:4`, `dask://host:port` (`executors`).
"""
