"""A simulated copter that behaves on the wire as ArduCopter 4.1 does.

`SimulatedCopter` (`sim_data.copter.vehicle`) is the vehicle itself, without any input or output:
time passes only when `step` is called. `sim_data.copter.server` puts it on a socket.
"""
