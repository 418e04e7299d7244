// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// serverKeyword is an option of a server line.
type serverKeyword struct {
	names      string // "|" is between several
	values     int    // number of words after it
	value      string // describes them, for the message if they are missing
	grade      grade
	note       string
	do         func(*server, string) error
	at         func(*translation, *server, serverWord) error // like do
	tls        func(*tlsSettings, serverWord) error          // in place of do, for TLS options
	ownMessage bool                                          // the message follows after all sections
}

// apply applies the option.
func (k *serverKeyword) apply(t *translation, n *server, pos haproxyfile.Pos, name, value string) error {
	switch {
	case k.tls != nil:
		return n.tls.set(k.tls, serverWord{pos, name, value})
	case k.at != nil:
		return k.at(t, n, serverWord{pos, name, value})
	case k.do != nil:
		return k.do(n, value)
	}
	return nil
}

const (
	noteServerTLS      = "TLS is not terminated here, nor started towards servers: the client's is passed through"
	noteConnectThrough = "connecting through it is not available"
	noteStart          = "the start waits for no lookup; `none` and addresses count for servers with `resolvers`"

	noteNamedDefaults = "default-server lines with a name are not available: expected their options in the server lines"
)

// serverKeywords are the options of server and default-server.
var serverKeywords = newServerKeywords(serverBasics, serverHeaders, serverChecks, serverTLS(), serverWithoutEffect)

func newServerKeywords(lists ...[]serverKeyword) map[string]serverKeyword {
	all := make(map[string]serverKeyword)
	for _, k := range slices.Concat(lists...) {
		addNamed(all, k.names, k)
	}
	return all
}

// serverBasics are the options about connections to a server.
var serverBasics = []serverKeyword{
	{names: "id", values: 1, grade: supported, do: serverID},
	{names: "weight", values: 1, value: "an integer argument", grade: supported, do: setWeight},
	{names: "backup", grade: supported, do: func(n *server, _ string) error { n.Backup = true; return nil }},
	{names: "no-backup", grade: supported, do: func(n *server, _ string) error { n.Backup = false; return nil }},
	{names: "non-stick", grade: supported, do: func(n *server, _ string) error { n.NonStick = true; return nil }},
	{names: "stick", grade: supported, do: func(n *server, _ string) error { n.NonStick = false; return nil }},
	{names: "disabled", grade: supported, do: func(n *server, _ string) error { n.Disabled = true; return nil }},
	{names: "enabled", grade: supported, do: func(n *server, _ string) error { n.Disabled = false; return nil }},
	{names: "maxconn", values: 1, grade: supported, do: func(n *server, v string) error { return setInteger(&n.MaxConn, "maxconn", v) }},
	{names: "minconn", values: 1, grade: supported, do: func(n *server, v string) error { return setInteger(&n.MinConn, "minconn", v) }},
	{names: "maxqueue", values: 1, grade: supported, do: func(n *server, v string) error { return setInteger(&n.MaxQueue, "maxqueue", v) }},
	{names: "slowstart", values: 1, value: "a delay", grade: supported, do: func(n *server, v string) error { return setTime(&n.SlowStart, "slowstart", v) }},
	{names: "hash-key", values: 1, grade: differs, note: "the ring is built from the servers' ids; other keys are refused", do: hashKey},

	{names: "resolvers", values: 1, grade: supported, do: func(n *server, v string) error { n.Resolvers = v; return nil }},
	{names: "init-addr", values: 1, grade: differs, note: noteStart, do: initAddress},
	{names: "resolve-prefer", values: 1, grade: supported, do: setResolvePrefer},
	{names: "resolve-opts", values: 1, grade: supported, do: setResolveOpts},
	{names: "resolve-net", values: 1, grade: supported, do: setResolveNet},

	{names: "ssl", grade: refused, note: noteServerTLS},
	{names: "source", values: 1, value: "<addr>[:<port>[-<port>]], and optionally 'usesrc' <addr>, and 'interface' <name>", grade: differs, note: noteSource, do: setServerSource},
	{names: "usesrc", grade: supported, do: func(*server, string) error { return errUsesrc }},
	{names: "tfo", grade: differs, note: noteFastOpen, do: func(n *server, _ string) error { n.TFO = true; return nil }},
	{names: "no-tfo", grade: supported, do: func(n *server, _ string) error { n.TFO = false; return nil }},
	{names: "tcp-ut", values: 1, grade: supported, do: setUserTimeout},
	{names: "mss", values: 1, grade: supported, do: setMSS},
	{names: "namespace", values: 1, value: "<name>", grade: supported, do: setNamespace},
	{names: "socks4|tcp-md5sig", values: 1, grade: refused, note: noteConnectThrough},
	{names: "redir", values: 1, grade: refused, note: "sending HTTP elsewhere is not available"},
	{names: "from", values: 1, grade: refused, note: noteNamedDefaults},
}

// serverChecks are the options about health checks and agents.
var serverChecks = []serverKeyword{
	{names: "check", grade: supported, do: func(n *server, _ string) error { n.check.on = true; return nil }},
	{names: "no-check", grade: supported, do: func(n *server, _ string) error { n.check.on = false; return nil }},
	{names: "check-ssl", grade: supported, do: func(n *server, _ string) error { n.check.tls = true; return nil }},
	{names: "no-check-ssl", grade: supported, do: func(n *server, _ string) error { n.check.tls = false; return nil }},
	{names: "check-send-proxy", grade: supported, do: func(n *server, _ string) error { n.check.sendProxy = true; return nil }},
	{names: "no-check-send-proxy", grade: supported, do: func(n *server, _ string) error { n.check.sendProxy = false; return nil }},
	{names: "check-sni", values: 1, grade: supported, do: func(n *server, v string) error { n.check.serverName = v; return nil }},
	{names: "check-alpn", values: 1, grade: supported, do: func(n *server, v string) error { n.check.alpn = v; return nil }},
	{names: "verify", values: 1, grade: supported, do: func(n *server, v string) error { n.check.verify = v; return nil }},
	{names: "verifyhost", values: 1, grade: supported, do: func(n *server, v string) error { n.check.verifyHost = v; return nil }},
	{names: "ca-file", values: 1, grade: supported, do: func(n *server, v string) error { n.check.caFile = v; return nil }},
	{names: "inter", values: 1, value: "a delay", grade: supported, do: func(n *server, v string) error { return setTime(&n.check.Interval, "inter", v) }},
	{names: "fastinter", values: 1, value: "a delay", grade: supported, do: func(n *server, v string) error { return setTime(&n.check.FastInterval, "fastinter", v) }},
	{names: "downinter", values: 1, value: "a delay", grade: supported, do: func(n *server, v string) error { return setTime(&n.check.DownInterval, "downinter", v) }},
	{names: "rise", values: 1, value: "an integer argument", grade: supported, do: func(n *server, v string) error { return positive(&n.check.Rise, "'rise'", v) }},
	{names: "fall", values: 1, value: "an integer argument", grade: supported, do: func(n *server, v string) error { return positive(&n.check.Fall, "'fall'", v) }},
	{names: "port", values: 1, value: "a port number", grade: supported, do: func(n *server, v string) error { return setPort(&n.check.Port, "port", v) }},
	{names: "addr", values: 1, value: "<ipv4|ipv6>", grade: supported, do: func(n *server, v string) error { return setHost(&n.check.Address, "addr", v) }},
	{names: "error-limit", values: 1, value: "an integer argument", grade: supported, do: func(n *server, v string) error { return positive(&n.ErrorLimit, "error-limit", v) }},
	{names: "observe", values: 1, grade: supported, do: choice("observe", func(n *server) *string { return &n.observe }, "none", "layer4", "layer7")},
	{names: "on-error", values: 1, grade: supported, do: choice("on-error", func(n *server) *string { return &n.OnError }, "fastinter", "fail-check", "sudden-death", "mark-down")},
	{names: "on-marked-down", values: 1, grade: supported, do: choice("on-marked-down", func(n *server) *string { return &n.OnMarkedDown }, "shutdown-sessions")},
	{names: "on-marked-up", values: 1, grade: supported, do: choice("on-marked-up", func(n *server) *string { return &n.OnMarkedUp }, "shutdown-backup-sessions")},
	{names: "init-state", values: 1, grade: supported, do: choice("init-state", func(n *server) *string { return &n.InitState }, "none", "fully-up", "up", "down", "fully-down")},
	{names: "track", values: 1, grade: supported, do: func(n *server, v string) error { n.Track = v; return nil }},
	{names: "healthcheck", values: 1, grade: supported, do: func(n *server, v string) error { n.check.section = v; return nil }},
	{names: "check-proto", values: 1, grade: supported, do: func(n *server, v string) error { n.check.proto = v; return nil }},
	{names: "check-sni-auto", grade: pending, note: "checks send the name of check-sni only"},
	{names: "check-via-socks4", grade: ignored, note: "it is for servers with 'socks4', which is refused"},

	{names: "agent-check", grade: supported, do: func(n *server, _ string) error { n.agentCheck = true; return nil }},
	{names: "agent-addr", values: 1, value: "<ipv4|ipv6>", grade: supported, do: func(n *server, v string) error { return setHost(&n.agent.Address, "agent-addr", v) }},
	{names: "agent-port", values: 1, value: "a port number", grade: supported, do: func(n *server, v string) error { return setPort(&n.agent.Port, "agent-port", v) }},
	{names: "agent-inter", values: 1, value: "a delay", grade: supported, do: func(n *server, v string) error { return setTime(&n.agent.Interval, "agent-inter", v) }},
	{names: "agent-send", values: 1, grade: supported, do: func(n *server, v string) error { n.agent.Send = v; return nil }},
}

// serverWithoutEffect are the options that change nothing here.
var serverWithoutEffect = []serverKeyword{
	{names: "no-ssl|no-agent-check|no-ssl-reuse|no-check-sni-auto", grade: supported},
	{names: "guid|label", values: 1, grade: ignored, note: "servers are identified by name"},
	{names: "cookie", values: 1, value: "<value>", grade: ignored, note: noteHTTP},
	{names: "max-reuse|pool-low-conn|pool-max-conn|pool-purge-delay|proto|ws|log-proto|log-bufsize|pool-conn-name|idle-ping|check-pool-conn-name", values: 1, grade: ignored, note: noteHTTP},
	{names: "strict-maxconn|check-reuse-pool|no-check-reuse-pool", grade: ignored, note: noteHTTP},
	{names: "quic-cc-algo", values: 1, grade: ignored, note: noteQUIC},
	{names: "cc|shard", values: 1, grade: ignored, note: noteTunesSocket},
	{names: "allow-0rtt|sni-auto|no-sni-auto", grade: ignored, note: noteServerTLS},
	{names: "sni|ktls", values: 1, grade: ignored, note: noteServerTLS},
}
