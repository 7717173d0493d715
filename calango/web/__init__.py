"""HTTP as the local server and the API of the agent both need it: sockets, connections, names of hosts, a run."""
