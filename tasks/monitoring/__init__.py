"""Watching a champion: drift with a promised rate of false alarms, incidents, performance and the service's figures."""
