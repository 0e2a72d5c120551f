"""The commands, one module each, named as the command; a module is loaded when its command is asked for."""
