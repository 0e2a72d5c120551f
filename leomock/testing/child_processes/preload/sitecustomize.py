"""Leads a Python process's connections for the real hosts to the fake; many libraries read no proxy variable.

Python imports a module of this name whenever it starts, from the first folder on its path that has one.
`environment.py` puts this folder there. It runs in any Python from 3.6 on, with or without leomock installed.
"""

import _socket
import importlib.machinery
import os
import sys

HOSTS = frozenset(filter(None, os.environ.get("LEOMOCK_REAL_HOSTS", "").split(",")))
TLS = os.environ.get("LEOMOCK_TLS", "")
AUTHORITY = os.environ.get("LEOMOCK_AUTHORITY", "")

PathFinder = importlib.machinery.PathFinder
resolve = _socket.getaddrinfo


def getaddrinfo(host, port, *more, **options):
    """Resolve a real host to the fake's TLS port; callers take the port from the result."""
    name = host.decode() if isinstance(host, bytes) else host or ""
    if name.lower().rstrip(".") in HOSTS and port in (443, "443", "https"):
        host, port = TLS.split(":")
    return resolve(host, port, *more, **options)


def patch_ssl(ssl):
    """Trust the fake's authority also where a program names a file of authorities, such as certifi's."""
    load = ssl.SSLContext.load_verify_locations

    def load_verify_locations(self, *files, **options):
        load(self, *files, **options)
        load(self, AUTHORITY)

    ssl.SSLContext.load_verify_locations = load_verify_locations


def patch_certifi(core):
    """Give libraries written in C, such as pycurl, a file that has the fake's authority."""
    core.where = lambda: os.environ["REQUESTS_CA_BUNDLE"]


def patch_aiohttp(client):
    """Let aiohttp read the proxy variables; under uvloop, names are resolved in C."""
    client.ClientSession.__init__.__kwdefaults__.update(trust_env=True)


def patch_pycurl(pycurl):
    """Let libcurl read the file of authorities that only the command `curl` reads from the environment."""

    class Curl(pycurl.Curl):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.setopt(pycurl.CAINFO, os.environ["CURL_CA_BUNDLE"])

    pycurl.Curl = Curl


class Finder:
    """Patches a module right after it was imported."""

    patches = {
        "ssl": patch_ssl,
        "certifi.core": patch_certifi,
        "aiohttp.client": patch_aiohttp,
        "pycurl": patch_pycurl,
    }

    def find_spec(self, name, path=None, target=None):
        """Find a module as usual, and patch it after it ran."""
        patch = self.patches.pop(name, None)
        spec = patch and PathFinder.find_spec(name, path)
        if spec:
            run = spec.loader.exec_module
            spec.loader.exec_module = lambda module: (run(module), patch(module))
        return spec


if TLS and HOSTS:
    _socket.getaddrinfo = getaddrinfo
    sys.meta_path.insert(0, Finder())

# This module may hide another of its name; run that one too.
here = os.path.dirname(os.path.abspath(__file__))
hidden = PathFinder.find_spec("sitecustomize", [path for path in sys.path if os.path.abspath(path) != here])
if hidden:
    hidden.loader.exec_module(sys.modules[__name__])
