"""The socket and what plugs into it without knowing a posterior: oracle, networks, tables, noise on purpose."""
