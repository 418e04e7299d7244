// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// serverKeyword is an option of a server line.
type serverKeyword struct {
	values     int    // number of words after it
	value      string // describes them, for the message if they are missing
	grade      grade
	note       string
	do         func(*server, string) error
	tls        func(*tlsSettings, tlsWord) error // in place of do, for TLS options
	ownMessage bool                              // the message follows after all sections
}

// apply applies the option.
func (k *serverKeyword) apply(n *server, pos haproxyfile.Pos, name, value string) error {
	switch {
	case k.tls != nil:
		return n.tls.set(k.tls, tlsWord{pos, name, value})
	case k.do != nil:
		return k.do(n, value)
	}
	return nil
}

const (
	noteServerTLS   = "TLS is not terminated here, nor started towards servers: the client's is passed through"
	noteProxyHeader = "the PROXY protocol is not available yet"

	noteNamedDefaults = "default-server lines with a name are not available: expected their options in the server lines"
)

// serverKeywords are the options of server and default-server.
var serverKeywords = newServerKeywords()

func newServerKeywords() map[string]serverKeyword {
	all := make(map[string]serverKeyword)
	add := func(k serverKeyword, names ...string) {
		for _, name := range names {
			if _, twice := all[name]; twice {
				panic("haproxycfg: server keyword " + name + " is in the table twice")
			}
			all[name] = k
		}
	}
	addBasics(add)
	addLimits(add)
	addChecks(add)
	addAgent(add)
	add(serverKeyword{grade: refused, note: noteServerTLS}, "ssl")
	add(serverKeyword{grade: refused, note: noteProxyHeader}, "send-proxy", "send-proxy-v2", "send-proxy-v2-ssl", "send-proxy-v2-ssl-cn")
	add(serverKeyword{values: 1, grade: refused, note: noteProxyHeader}, "proxy-v2-options", "set-proxy-v2-tlv-fmt")
	add(serverKeyword{values: 1, grade: refused, note: "connecting from a certain address is not available yet"}, "source")
	add(serverKeyword{values: 1, grade: refused, note: "connecting through it is not available"}, "socks4", "namespace", "tcp-md5sig")
	add(serverKeyword{grade: refused, note: "connecting through it is not available"}, "usesrc")
	add(serverKeyword{values: 1, grade: refused, note: "sending HTTP elsewhere is not available"}, "redir")

	add(serverKeyword{grade: supported}, "no-send-proxy", "no-send-proxy-v2", "no-send-proxy-v2-ssl", "no-send-proxy-v2-ssl-cn", "no-ssl", "no-check-send-proxy", "no-agent-check", "stick", "no-tfo", "no-ssl-reuse", "no-check-sni-auto")
	add(serverKeyword{grade: pending, note: "checks send the name of check-sni only"}, "check-sni-auto")
	add(serverKeyword{grade: ignored, note: noteNoStickiness}, "non-stick")
	add(serverKeyword{values: 1, grade: ignored, note: "servers are identified by name"}, "guid", "label")
	add(serverKeyword{values: 1, grade: differs, note: "the ring is built from the servers' ids; other keys are refused", do: hashKey}, "hash-key")
	add(serverKeyword{values: 1, grade: supported, do: serverID}, "id")
	add(serverKeyword{values: 1, grade: ignored, note: noteHTTP}, "cookie", "max-reuse", "pool-low-conn", "pool-max-conn", "pool-purge-delay", "proto", "ws", "log-proto", "log-bufsize", "pool-conn-name", "idle-ping", "check-pool-conn-name")
	add(serverKeyword{grade: ignored, note: noteHTTP}, "strict-maxconn", "check-reuse-pool", "no-check-reuse-pool")
	add(serverKeyword{values: 1, grade: ignored, note: noteQUIC}, "quic-cc-algo")
	add(serverKeyword{values: 1, grade: refused, note: noteNamedDefaults}, "from")
	add(serverKeyword{values: 1, grade: ignored, note: "it tunes the socket"}, "mss", "tcp-ut", "cc", "shard")
	add(serverKeyword{grade: ignored, note: "it tunes the socket"}, "tfo")
	const lookup = "host names are looked up by the system's resolver, and renewed while in use"
	add(serverKeyword{values: 1, grade: differs, note: lookup, do: func(n *server, v string) error { n.resolvers = v; return nil }}, "resolvers")
	add(serverKeyword{values: 1, grade: differs, note: lookup, do: initAddress}, "init-addr")
	add(serverKeyword{values: 1, grade: supported, do: func(n *server, v string) error {
		n.ResolvePrefer = v
		if v != "ipv4" && v != "ipv6" {
			return errors.New("'resolve-prefer' expects either ipv4 or ipv6 as argument")
		}
		return nil
	}}, "resolve-prefer")
	add(serverKeyword{values: 1, grade: differs, note: lookup}, "resolve-opts", "resolve-net")
	add(serverKeyword{grade: ignored, note: noteServerTLS}, "allow-0rtt", "sni-auto", "no-sni-auto")
	addTLS(add)
	add(serverKeyword{values: 1, grade: ignored, note: noteServerTLS}, "sni", "ktls")
	for name, what := range valueNames {
		k := all[name]
		k.value = what
		all[name] = k
	}
	return all
}

// valueNames describe the arguments of some options.
var valueNames = map[string]string{
	"inter": "a delay", "fastinter": "a delay", "downinter": "a delay", "slowstart": "a delay", "agent-inter": "a delay",
	"rise": "an integer argument", "fall": "an integer argument", "weight": "an integer argument", "error-limit": "an integer argument",
	"port": "a port number", "agent-port": "a port number", "addr": "<ipv4|ipv6>", "agent-addr": "<ipv4|ipv6>", "cookie": "<value>",
}

type adder func(k serverKeyword, names ...string)

func addBasics(add adder) {
	add(serverKeyword{values: 1, grade: supported, do: setWeight}, "weight")
	add(serverKeyword{grade: supported, do: func(n *server, _ string) error { n.Backup = true; return nil }}, "backup")
	add(serverKeyword{grade: supported, do: func(n *server, _ string) error { n.Backup = false; return nil }}, "no-backup")
	add(serverKeyword{grade: supported, do: func(n *server, _ string) error { n.Disabled = true; return nil }}, "disabled")
	add(serverKeyword{grade: supported, do: func(n *server, _ string) error { n.Disabled = false; return nil }}, "enabled")
}

func addLimits(add adder) {
	for name, field := range map[string]func(*server) *int{
		"maxconn":  func(n *server) *int { return &n.MaxConn },
		"minconn":  func(n *server) *int { return &n.MinConn },
		"maxqueue": func(n *server) *int { return &n.MaxQueue },
	} {
		add(serverKeyword{values: 1, grade: supported, do: func(n *server, v string) error {
			return setInteger(field(n), name, v, 0)
		}}, name)
	}
	add(serverKeyword{values: 1, grade: supported, do: func(n *server, v string) error { return setTime(&n.SlowStart, "slowstart", v) }}, "slowstart")
}

func addChecks(add adder) {
	check := func(values int, do func(*server, string) error, names ...string) {
		add(serverKeyword{values: values, grade: supported, do: do}, names...)
	}
	check(0, func(n *server, _ string) error { n.check.on = true; return nil }, "check")
	add(serverKeyword{grade: supported, do: func(n *server, _ string) error { n.check.on = false; return nil }}, "no-check")
	check(0, func(n *server, _ string) error { n.check.tls = true; return nil }, "check-ssl")
	add(serverKeyword{grade: supported, do: func(n *server, _ string) error { n.check.tls = false; return nil }}, "no-check-ssl")
	check(0, func(n *server, _ string) error { n.check.SendProxy = proxyHeader1; return nil }, "check-send-proxy")
	check(1, func(n *server, v string) error { n.check.serverName = v; return nil }, "check-sni")
	check(1, func(n *server, v string) error { n.check.alpn = v; return nil }, "check-alpn")
	check(1, func(n *server, v string) error { n.check.verify = v; return nil }, "verify")
	check(1, func(n *server, v string) error { n.check.caFile = v; return nil }, "ca-file")
	check(1, func(n *server, v string) error { return setTime(&n.check.Interval, "inter", v) }, "inter")
	check(1, func(n *server, v string) error { return setTime(&n.check.FastInterval, "fastinter", v) }, "fastinter")
	check(1, func(n *server, v string) error { return setTime(&n.check.DownInterval, "downinter", v) }, "downinter")
	check(1, func(n *server, v string) error { return positive(&n.check.Rise, "'rise'", v) }, "rise")
	check(1, func(n *server, v string) error { return positive(&n.check.Fall, "'fall'", v) }, "fall")
	check(1, func(n *server, v string) error { return setPort(&n.check.Port, "port", v) }, "port")
	check(1, func(n *server, v string) error { return setHost(&n.check.Address, "addr", v) }, "addr")
	check(1, func(n *server, v string) error { return positive(&n.ErrorLimit, "error-limit", v) }, "error-limit")
	check(1, choice("observe", func(n *server) *string { return &n.observe }, "none", "layer4", "layer7"), "observe")
	check(1, choice("on-error", func(n *server) *string { return &n.OnError }, "fastinter", "fail-check", "sudden-death", "mark-down"), "on-error")
	check(1, choice("on-marked-down", func(n *server) *string { return &n.OnMarkedDown }, "shutdown-sessions"), "on-marked-down")
	check(1, choice("on-marked-up", func(n *server) *string { return &n.OnMarkedUp }, "shutdown-backup-sessions"), "on-marked-up")
	check(1, choice("init-state", func(n *server) *string { return &n.InitState }, "none", "fully-up", "up", "down", "fully-down"), "init-state")
	check(1, func(n *server, v string) error { n.Track = v; return nil }, "track")
	check(1, func(n *server, v string) error { n.check.verifyHost = v; return nil }, "verifyhost")
	add(serverKeyword{values: 1, grade: supported, do: func(n *server, v string) error { n.check.section = v; return nil }}, "healthcheck")
	add(serverKeyword{values: 1, grade: supported, do: func(n *server, v string) error { n.check.proto = v; return nil }}, "check-proto")
	add(serverKeyword{grade: ignored, note: "it is for servers with 'socks4', which is refused"}, "check-via-socks4")
}

// proxyHeader1 is the version of the PROXY header that checks send.
const proxyHeader1 = "v1"

func addAgent(add adder) {
	agent := func(values int, do func(*server, string) error, names ...string) {
		add(serverKeyword{values: values, grade: supported, do: do}, names...)
	}
	agent(0, func(n *server, _ string) error { n.agentCheck = true; return nil }, "agent-check")
	agent(1, func(n *server, v string) error { return setHost(&n.agent.Address, "agent-addr", v) }, "agent-addr")
	agent(1, func(n *server, v string) error { return setPort(&n.agent.Port, "agent-port", v) }, "agent-port")
	agent(1, func(n *server, v string) error { return setTime(&n.agent.Interval, "agent-inter", v) }, "agent-inter")
	agent(1, func(n *server, v string) error { n.agent.Send = v; return nil }, "agent-send")
}
