// Leads TLS connections for the real hosts to the fake. Needed because fetch in Node 18 to 22 ignores proxies.
const net = require("net");
const tls = require("tls");
const fs = require("fs");

const { LEOMOCK_REAL_HOSTS, LEOMOCK_TLS, LEOMOCK_AUTHORITY } = process.env;

if (LEOMOCK_TLS && LEOMOCK_REAL_HOSTS) {
  const hosts = LEOMOCK_REAL_HOSTS.split(",");
  const [host, port] = LEOMOCK_TLS.split(":");
  const connect = tls.connect;

  tls.connect = function (...args) {
    // `tls.connect` takes (options), (port, options), (port, host, options), each with or without a callback.
    let [options, callback] = net._normalizeArgs(args);
    for (const more of args.slice(1, 3)) {
      if (more && typeof more === "object") options = { ...options, ...more };
    }
    if (options.socket || options.path || !hosts.includes(options.host)) return connect.apply(this, args);
    // An explicit list of authorities replaces the default ones, so ours is added to it.
    const ca = options.ca && [options.ca, fs.readFileSync(LEOMOCK_AUTHORITY)].flat();
    const servername = options.servername || options.host;
    return connect({ ...options, host, port: Number(port), lookup: undefined, servername, ca }, callback);
  };
  require("module").syncBuiltinESMExports();
}
