"""The agent that comes with Calango. Models, tools and prompt are arguments of `build.make_graph`.

Imports inside this package are relative: it is loaded by its file location, under whatever name the loader chooses.
"""
