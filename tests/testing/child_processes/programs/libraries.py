"""Every HTTP library that is installed calls the real host; prints `name status` for each."""

import asyncio
import http.client
import os
import urllib.request
from importlib import import_module

HOST = "cloud.leonardo.ai"
URL = f"https://{HOST}/api/rest/v1/me"
HEADERS = {"authorization": f"Bearer {os.environ['LEONARDO_API_KEY']}"}


def with_urllib():
    return urllib.request.urlopen(urllib.request.Request(URL, headers=HEADERS)).status


def with_http_client():
    connection = http.client.HTTPSConnection(HOST)
    connection.request("GET", "/api/rest/v1/me", headers=HEADERS)
    return connection.getresponse().status


def with_requests():
    return import_module("requests").get(URL, headers=HEADERS).status_code


def with_urllib3():
    return import_module("urllib3").PoolManager().request("GET", URL, headers=HEADERS).status


def with_httpx():
    return import_module("httpx").get(URL, headers=HEADERS).status_code


def with_httpx2():
    return import_module("httpx2").get(URL, headers=HEADERS).status_code


def with_pycurl():
    pycurl = import_module("pycurl")
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, URL)
    curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in HEADERS.items()])
    curl.setopt(pycurl.WRITEFUNCTION, lambda data: len(data))
    curl.perform()
    return curl.getinfo(pycurl.RESPONSE_CODE)


async def get_with_aiohttp():
    aiohttp = import_module("aiohttp")
    async with aiohttp.ClientSession() as session, session.get(URL, headers=HEADERS) as answer:
        return answer.status


def with_aiohttp():
    return asyncio.run(get_with_aiohttp())


def with_aiohttp_on_uvloop():
    return import_module("uvloop").run(get_with_aiohttp())


for name, call in list(globals().items()):
    if name.startswith("with_"):
        try:
            print(name.removeprefix("with_"), call())
        except ModuleNotFoundError:
            print(name.removeprefix("with_"), "missing")
        except Exception:
            print(name.removeprefix("with_"), "unreachable")
