// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"slices"
	"strings"
)

const (
	noteProcess = "it is about HAProxy's own process"
	noteTLS     = "TLS is not terminated here"

	noteDefaultTLS       = "it is for checks over TLS"
	noteUnusedDefaultTLS = "it only applies to servers with check-ssl, and no server has it"

	noteTuning = "it tunes HAProxy's own memory and sockets"
	noteUser   = "the process does not change its user: start it as that user, with User= in a unit file, and AmbientCapabilities=CAP_NET_BIND_SERVICE for ports below 1024"
	noteLookup = "host names are looked up by the system's resolver"
	noteHTTP   = "it is for mode http"
	noteQUIC   = "QUIC is not TCP"
)

// globalKeywords are the keywords of global.
var globalKeywords = newTable([]keyword{
	{name: "maxconn", in: inGlobal, grade: differs, args: number(0, 1<<31-1), do: func(t *translation, _ *proxy, s statement) { t.maxconn = integer(s.args[0]) }, note: "more than the limit of open files allows is reduced to that, and not an error"},
	{name: "maxconnrate", in: inGlobal, grade: supported, args: number(0, 1<<31-1), do: func(t *translation, _ *proxy, s statement) { t.limits.MaxConnRate = integer(s.args[0]) }},
	{name: "maxsessrate", in: inGlobal, grade: differs, args: number(0, 1<<31-1), do: func(t *translation, _ *proxy, s statement) { t.limits.MaxSessRate = integer(s.args[0]) }, note: "connections of mode http do not count"},
	{name: "maxsslconn|maxsslrate", in: inGlobal, grade: ignored, args: number(0, 1<<31-1), note: noteTLS},
	{name: "maxcomprate", in: inGlobal, grade: ignored, args: number(0, 1<<31-1), note: noteHTTP},
	{name: "log", in: inGlobal, grade: supported, do: addLog, note: noteLog},
	{name: "log-tag", in: inGlobal, grade: supported, args: logTag, do: setLogTag},
	{name: "log-send-hostname", in: inGlobal, grade: supported, do: sendHostname},
	{name: "stats socket", in: inGlobal, grade: differs, args: statsSocket, do: addStatsSocket, note: noteStatsSocket},
	{name: "stats timeout", in: inGlobal, grade: supported, args: statsTimeout, do: func(t *translation, _ *proxy, s statement) { t.statsSockets.timeout = milliseconds(s.args[0]) }},
	{name: "stats maxconn", in: inGlobal, grade: differs, args: statsMaxConn, do: func(t *translation, _ *proxy, s statement) { t.statsSockets.maxConn = integer(s.args[0]) }, note: noteStatsMaxConn},
	{name: "stats bind-process", in: inGlobal, grade: ignored, args: someArgs, note: noteProcess},
	{name: "hard-stop-after", in: inGlobal, grade: differs, args: duration, do: func(t *translation, _ *proxy, s statement) { t.hardStop = milliseconds(s.args[0]) }, note: "limits how long connections may take to finish when the process ends (on SIGTERM too, where HAProxy cuts them at once); 30 s by default; a reload does not affect them"},
	{name: "grace|close-spread-time", in: inGlobal, grade: ignored, args: duration, note: "a reload closes no connection, and no listening socket that the new configuration has"},
	{name: "tune.stick-counters", in: inGlobal, grade: supported, args: number(0, 1<<31-1), do: setStickCounters},
	{name: "spread-checks", in: inGlobal, grade: supported, args: spreadChecks, do: func(t *translation, _ *proxy, s statement) { t.spread = integer(s.args[0]) }},
	{name: "max-spread-checks", in: inGlobal, grade: ignored, args: duration, note: "the first checks of servers are spread over their interval"},
	{name: "server-state-base|server-state-file|stats-file|shm-stats-file|shm-stats-file-max-objects", in: inGlobal, grade: ignored, args: oneArg, note: "counts and states survive a reload without a file"},
	{name: "setenv|presetenv", in: inGlobal, grade: supported}, // the reader has applied them
	{name: "unsetenv|resetenv", in: inGlobal, grade: supported},
	{name: "default-path", in: inGlobal, grade: differs, args: between(1, 2), do: defaultPath, note: "relative file names start at the directory of the first file, not at the working directory"},

	{name: "daemon", in: inGlobal, grade: differs, warn: true, args: noArgs, note: "the process stays in the foreground: let a service manager run it, or 'caddy start' in place of 'caddy run'"},
	{name: "user|group|uid|gid", in: inGlobal, grade: differs, warn: true, args: oneArg, note: noteUser},
	{name: "setcap", in: inGlobal, grade: differs, warn: true, args: someArgs, note: noteUser},
	{name: "chroot", in: inGlobal, grade: differs, warn: true, args: oneArg, note: "the process is not confined to a directory: use a unit file with ProtectSystem=strict or RootDirectory="},
	{name: "pidfile", in: inGlobal, grade: differs, warn: true, args: oneArg, note: "no file is written: expected 'caddy run --pidfile FILE'"},
	{name: "unix-bind", in: inGlobal, grade: differs, do: setUnixBind, note: "the prefix and the mode apply to the sockets of bind lines; an owner cannot be set, and is an error if a bind line has a path"},
	{name: "harden.reject-privileged-ports.tcp", in: inGlobal, grade: differs, do: privilegedPorts, note: "'on' is an error: expected tcp-request connection reject if { src_port lt 1024 }"},
	{name: "harden.reject-privileged-ports.quic", in: inGlobal, grade: ignored, args: someArgs, note: noteQUIC},
	{name: "dns-accept-family", in: inGlobal, grade: differs, warn: true, args: someArgs, note: noteLookup},
	{name: anyOf(`
		quiet busy-polling noepoll nopoll nokqueue noevports noreuseport nogetaddrinfo
		strict-limits zero-warning insecure-setuid-wanted no-memory-trimming
	`), in: inGlobal, grade: ignored, args: noArgs, note: noteProcess},
	{name: "master-worker|set-dumpable", in: inGlobal, grade: ignored, args: atMost(1), note: noteProcess},
	{name: "node", in: inGlobal, grade: differs, args: oneArg, do: func(t *translation, _ *proxy, s statement) { t.node = s.args[0] }, note: noteOfPage},
	{name: "localpeer", in: inGlobal, grade: supported, args: oneArg, do: func(t *translation, _ *proxy, s statement) { t.localPeer = s.args[0] }},
	{name: "nbthread", in: inGlobal, grade: ignored, args: number(1, 4096), note: noteProcess},
	{name: anyOf(`
		thread-groups thread-group thread-hard-limit cpu-map cpu-set cpu-policy numa-cpu-mapping
		cluster-secret anonkey mworker-max-reloads ulimit-n fd-hard-limit
	`), in: inGlobal, grade: ignored, note: noteProcess},
	{name: "description", in: inGlobal, grade: differs, do: func(t *translation, _ *proxy, s statement) { t.description = strings.Join(s.args, " ") }, note: noteOfPage},
	{name: "external-check", in: inGlobal, grade: supported, args: permitArgs, do: permitExternal},
	{name: "insecure-fork-wanted", in: inGlobal, grade: ignored, note: "external checks run without it"},
	{name: anyOf(`
		prealloc-fd pp2-never-send-local expose-deprecated-directives
		expose-experimental-directives h1-accept-payload-with-any-method h1-case-adjust
		h1-case-adjust-file h1-do-not-close-on-insecure-transfer-encoding
		h2-workaround-bogus-websocket-clients
	`), in: inGlobal, grade: ignored, note: "nothing uses it here"},
	{name: "maxpipes|maxzlibmem|maxcompcpuusage|nosplice|nosslv3", in: inGlobal, grade: ignored, note: noteTuning},
	{name: "profiling.tasks|profiling.memory|debug|51degrees-data-file|device-atlas-json-file|wurfl-data-file", in: inGlobal, grade: ignored, note: noteProcess},
	{name: "ca-base", in: inGlobal, grade: supported, args: oneArg, do: func(t *translation, _ *proxy, s statement) { t.caBase = s.args[0] }},
	{name: "ssl-server-verify", in: inGlobal, grade: supported, args: oneOf("none", "required"), do: func(t *translation, _ *proxy, s statement) { t.verifyNone = s.args[0] == "none" }},
	{name: "crt-base", in: inGlobal, grade: supported, args: oneArg, do: func(t *translation, _ *proxy, s statement) { t.crtBase = s.args[0] }, note: noteDefaultTLS},
	{name: "key-base", in: inGlobal, grade: ignored, args: oneArg, note: noteTLS},
	{name: "ssl-load-extra-files", in: inGlobal, grade: supported, args: someArgs, do: func(t *translation, _ *proxy, s statement) { t.extraFiles = s.args }, note: noteDefaultTLS},
	{name: "ssl-load-extra-del-ext", in: inGlobal, grade: supported, args: noArgs, do: func(t *translation, _ *proxy, _ statement) { t.extraDelExt = true }, note: noteDefaultTLS},
	{name: "ssl-default-server-options", in: inGlobal, grade: supported, args: someArgs, do: defaultTLSOptions, note: noteDefaultTLS},
	{name: "ssl-default-server-ciphers", in: inGlobal, grade: supported, args: oneArg, do: defaultTLS(func(s *tlsSettings) *serverWord { return &s.ciphers }), note: noteDefaultTLS},
	{name: "ssl-default-server-ciphersuites", in: inGlobal, grade: supported, args: oneArg, do: defaultTLS(func(s *tlsSettings) *serverWord { return &s.ciphersuites }), note: noteDefaultTLS},
	{name: "ssl-default-server-curves", in: inGlobal, grade: supported, args: oneArg, do: defaultTLS(func(s *tlsSettings) *serverWord { return &s.curves }), note: noteDefaultTLS},
	{name: "ssl-default-server-sigalgs", in: inGlobal, grade: differs, args: oneArg, do: defaultTLS(func(s *tlsSettings) *serverWord { return &s.sigalgs }), note: noteCannotCheck},
	{name: "ssl-default-server-client-sigalgs", in: inGlobal, grade: differs, args: oneArg, do: defaultTLS(func(s *tlsSettings) *serverWord { return &s.clientSigalgs }), note: noteCannotCheck},
	{name: "ssl-default-bind-options", in: inGlobal, grade: differs, args: someArgs, do: bindDefaultOptions, note: noteListenerOld},
	{name: "ssl-default-bind-ciphers", in: inGlobal, grade: differs, args: oneArg, do: bindDefault(func(s *tlsSettings) *serverWord { return &s.ciphers }), note: noteListenerLess},
	{name: "ssl-default-bind-ciphersuites", in: inGlobal, grade: differs, args: oneArg, do: bindDefault(func(s *tlsSettings) *serverWord { return &s.ciphersuites }), note: noteListenerSuites},
	{name: "ssl-default-bind-curves", in: inGlobal, grade: differs, args: oneArg, do: bindDefault(func(s *tlsSettings) *serverWord { return &s.curves }), note: noteListenerLess},
	{name: "ssl-default-bind-sigalgs", in: inGlobal, grade: ignored, args: oneArg, note: noteAlgorithms},
	{name: "ssl-default-bind-client-sigalgs", in: inGlobal, grade: ignored, args: oneArg, note: noteAlgorithms},
	{name: anyOf(`
		issuers-chain-path ssl-dh-param-file ssl-engine ssl-mode-async ssl-propquery
		ssl-provider ssl-provider-path ssl-security-level ssl-skip-self-issued-ca limited-quic
	`), in: inGlobal, grade: ignored, note: noteTLS},
	{name: anyOf(`
		httpclient.resolvers.disabled httpclient.resolvers.id httpclient.resolvers.prefer
		httpclient.retries httpclient.ssl.ca-file httpclient.ssl.verify httpclient.timeout.connect
	`), in: inGlobal, grade: ignored, note: "nothing uses it here"},
	{name: "set-var|set-var-fmt", in: inGlobal, grade: supported, do: sharedVariable},
	{name: "lua-load|lua-load-per-thread|lua-prepend-path", in: inGlobal, grade: refused, note: "there is no Lua: expected ACLs and tcp-request rules"},
	{name: "nbproc", in: inGlobal, grade: ignored, args: oneArg, note: "HAProxy removed it in 2.5; one process uses all cores"},
}, tuningKeywords, newerKeywords)

// negatable are the keywords of global that "no" and "default" may precede.
var negatable = []string{"log", "busy-polling", "set-dumpable", "strict-limits", "insecure-fork-wanted", "numa-cpu-mapping"}

func statsSocket(args []string) error {
	if len(args) == 0 {
		return errors.New("in global section expects an address or a path to a UNIX socket")
	}
	return nil
}

func spreadChecks(args []string) error {
	if number(0, 50)(args) != nil {
		return errors.New("needs a positive value in range 0..50")
	}
	return nil
}

func defaultPath(t *translation, _ *proxy, s statement) {
	switch s.args[0] {
	case "current":
		t.warnf(s.Pos, "'default-path current': relative file names start at the directory of the first file, not at the working directory")
	case "config", "parent", "origin":
		t.setDirectory(s)
	default:
		t.errorf(s.Pos, "'default-path' expects 'current', 'config', 'parent' or 'origin PATH' but got '%s'", s.args[0])
	}
}

// setUnixBind reads "unix-bind [prefix PATH] [mode MODE] [user|group|uid|gid OWNER]".
func setUnixBind(t *translation, _ *proxy, s statement) {
	for args := s.args; len(args) > 0; args = args[2:] {
		if !slices.Contains([]string{"prefix", "mode", "user", "group", "uid", "gid"}, args[0]) {
			t.errorf(s.Pos, "'unix-bind' only supports the 'prefix', 'mode', 'uid', 'gid', 'user' and 'group' options, and has '%s'", args[0])
			return
		}
		if len(args) < 2 {
			t.errorf(s.Pos, "'unix-bind %s' : missing value", args[0])
			return
		}
		switch args[0] {
		case "prefix":
			t.unixBind.prefix = args[1]
		case "mode":
			if err := octal(args[1]); err != nil {
				t.errorf(s.Pos, "'unix-bind mode' : %v", err)
				return
			}
			t.unixBind.mode = args[1]
		default:
			t.unixBind.owner = args[0]
		}
	}
}

func privilegedPorts(t *translation, _ *proxy, s statement) {
	switch s.arg(0) {
	case "off":
	case "on":
		t.errorf(s.Pos, "'%s on' is not available: expected 'tcp-request connection reject if { src_port lt 1024 }' in the frontends", s.keyword)
	default:
		t.errorf(s.Pos, "'%s' expects either 'on' or 'off' but got '%s'", s.keyword, s.arg(0))
	}
}
