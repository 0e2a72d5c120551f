"""Redirect connections for the real hosts to the fake, since many libraries ignore proxy variables.

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
    """Trust the fake's authority even if a program names a file of authorities, such as certifi's."""
    load = ssl.SSLContext.load_verify_locations

    def load_verify_locations(self, *files, **options):
        load(self, *files, **options)
        load(self, AUTHORITY)

    ssl.SSLContext.load_verify_locations = load_verify_locations


def patch_certifi(core):
    """Give libraries written in C, such as pycurl, a file that contains the fake's authority."""
    core.where = lambda: os.environ["REQUESTS_CA_BUNDLE"]


def patch_aiohttp(client):
    """Make aiohttp read the proxy variables, because uvloop resolves names in C."""
    client.ClientSession.__init__.__kwdefaults__.update(trust_env=True)


def patch_pycurl(pycurl):
    """Make libcurl read the CA file variable, which otherwise only the `curl` command reads."""

    class Curl(pycurl.Curl):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.setopt(pycurl.CAINFO, os.environ["CURL_CA_BUNDLE"])

    pycurl.Curl = Curl


class Finder:
    """Patch a module right after it is imported."""

    patches = {
        "ssl": patch_ssl,
        "certifi.core": patch_certifi,
        "aiohttp.client": patch_aiohttp,
        "pycurl": patch_pycurl,
    }

    def find_spec(self, name, path=None, target=None):
        """Find a module as usual, and patch it after it has run."""
        patch = self.patches.pop(name, None)
        spec = patch and PathFinder.find_spec(name, path)
        if spec:
            run = spec.loader.exec_module
            spec.loader.exec_module = lambda module: (run(module), patch(module))
        return spec


if TLS and HOSTS:
    _socket.getaddrinfo = getaddrinfo
    sys.meta_path.insert(0, Finder())

# This module may hide another `sitecustomize`; run that one too.
here = os.path.dirname(os.path.abspath(__file__))
hidden = PathFinder.find_spec("sitecustomize", [path for path in sys.path if os.path.abspath(path) != here])
if hidden:
    hidden.loader.exec_module(sys.modules[__name__])
