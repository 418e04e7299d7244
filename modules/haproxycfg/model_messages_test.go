// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// messages returns all messages about a configuration; errors start with E.
func messages(t *testing.T, text string) (said []string) {
	t.Helper()
	for _, p := range translated(t, text).Problems {
		message := p.Message
		if p.Severity == haproxyfile.Error {
			message = "E " + message
		}
		said = append(said, message)
	}
	return said
}

// A rule that uses a fetch of terminated TLS causes a warning, wherever it is.
func TestFetchesOfTerminatedTLSWarn(t *testing.T) {
	const of = "'ssl_fc_sni' never has a value, since TLS is not terminated here: use req.ssl_sni"
	for line, want := range map[string]string{
		"acl known ssl_fc_sni a.test":                                      "acl 'known': " + of,
		"tcp-request content reject if { ssl_fc_sni a.test }":              "anonymous acl: " + of,
		"use_backend b if !{ ssl_fc_sni,lower -m end .test }":              "anonymous acl: " + of,
		"tcp-request content set-var(sess.sni) ssl_fc_sni":                 "'set-var(sess.sni)': " + of,
		"use_backend be_%[ssl_fc_sni,lower]":                               "'use_backend be_%[ssl_fc_sni,lower]': " + of,
		"tcp-request connection reject unless { ssl_c_used }":              "anonymous acl: 'ssl_c_used' never has a value, since TLS is not terminated here",
		"tcp-request content accept if { ssl_fc }":                         "anonymous acl: 'ssl_fc' is always false, since TLS is not terminated here: use req.ssl_hello_type, which is 1 for TLS",
		"acl known ssl_fc_sni_end .test":                                   "E error detected while parsing ACL 'known' : fetch method 'ssl_fc_sni_end' is not supported: TLS is not terminated here: use req.ssl_sni and the other req.ssl_ fetches of the ClientHello (not available here)",
		"tcp-request content reject if { req.ssl_sni -m end .ssl_fc_sni }": "",
	} {
		said := messages(t, frontend("tcp-request inspect-delay 1s", line, "default_backend b"))
		if want == "" && len(said) > 0 || want != "" && !slices.Equal(said, []string{want}) {
			t.Errorf("%s: -want +got\n%s", line, cmp.Diff(want, strings.Join(said, "\n")))
		}
	}
	said := messages(t, backend("balance hash ssl_fc_sni", "server s1 192.0.2.2:443"))
	if !slices.Equal(said, []string{"'balance hash ssl_fc_sni' in backend 'b': " + of}) {
		t.Errorf("%q", said)
	}
}

// Keywords that are done in another way are not reported as ineffective, and a message about
// something that is not done says what to do instead.
func TestProcessKeywordsSayWhatToDo(t *testing.T) {
	const (
		user     = "differs from HAProxy: %s: the process does not change its user: start it as that user, with User= in a unit file, and AmbientCapabilities=CAP_NET_BIND_SERVICE for ports below 1024"
		unlogged = "log format ignored for frontend 'f' since it has no log address."
	)
	say := func(format, words string) string { return strings.Replace(format, "%s", words, 1) }
	for lines, want := range map[string][]string{
		"log /dev/log local0":                          nil,
		"user haproxy\n\tgroup haproxy":                {say(user, "'user', 'group'") + " (also line 3)"},
		"uid 80\n\tgid 80\n\tsetcap cap_net_raw":       {say(user, "'uid', 'gid', 'setcap'") + " (also lines 3, 4)"},
		"chroot /var/lib/haproxy":                      {"differs from HAProxy: 'chroot': the process is not confined to a directory: use a unit file with ProtectSystem=strict or RootDirectory="},
		"daemon":                                       {"differs from HAProxy: 'daemon': the process stays in the foreground: let a service manager run it, or 'caddy start' in place of 'caddy run'"},
		"pidfile /run/haproxy.pid":                     {"differs from HAProxy: 'pidfile': no file is written: expected 'caddy run --pidfile FILE'"},
		"stats socket /run/a.sock\n\tstats timeout 1m": nil,
		"log-tag x":                                    nil,
		"harden.reject-privileged-ports.tcp on":        {"E 'harden.reject-privileged-ports.tcp on' is not available: expected 'tcp-request connection reject if { src_port lt 1024 }' in the frontends"},
		"harden.reject-privileged-ports.tcp off":       nil,
		"harden.reject-privileged-ports.tcp":           {"E 'harden.reject-privileged-ports.tcp' expects either 'on' or 'off' but got ''"},
		"unix-bind user haproxy":                       nil, // no bind line has a path
		"unix-bind prefix":                             {"E 'unix-bind prefix' : missing value"},
		"unix-bind mode 9":                             {"E 'unix-bind mode' : missing or invalid mode '9' (octal integer expected)"},
		"unix-bind where /a":                           {"E 'unix-bind' only supports the 'prefix', 'mode', 'uid', 'gid', 'user' and 'group' options, and has 'where'"},
	} {
		if diff := cmp.Diff(want, messages(t, "global\n\t"+lines+"\n"+frontend("default_backend b"))); diff != "" {
			t.Errorf("%s: -want +got\n%s", lines, diff)
		}
	}
	for lines, want := range map[string][]string{
		"log global\n\toption tcplog":                    {unlogged},
		"option dontlognull\n\toption logasap":           nil,
		"tcp-request content set-log-level silent":       nil,
		"tcp-request content capture req.ssl_sni len 64": nil,
		"tcp-request content do-log":                     {"ignored, without any effect on the traffic: 'tcp-request content do-log': there are no log profiles; see log-steps"},
		"log-format \"%[lat_ns_avg] %ci\"":               {unlogged, "differs from HAProxy: '[lat_ns_avg]': it is logged as '-'"},
		"option independent-streams\n\toption tcp-smart-accept": {
			"differs from HAProxy: 'option independent-streams': traffic in either direction restarts the timeouts of both sides, as in HAProxy without it",
		},
	} {
		if diff := cmp.Diff(want, messages(t, frontend(lines, "default_backend b"))); diff != "" {
			t.Errorf("%s: -want +got\n%s", lines, diff)
		}
	}
}

// Sections without any counterpart are not reported as "without any effect on the traffic".
func TestUntranslatedSectionWarnings(t *testing.T) {
	for section, want := range map[string]string{
		"log-forward syslog\n\tbind 127.0.0.1:1514": "differs from HAProxy: 'log-forward syslog': syslog is neither received nor forwarded",
		"program helper\n\tcommand sleep 1":         "differs from HAProxy: 'program helper': no other program is started",
		"cache small\n\ttotal-max-size 4":           "ignored, without any effect on the traffic: 'cache small': it is for mode http",
	} {
		if diff := cmp.Diff([]string{want}, messages(t, frontend("default_backend b")+section+"\n")); diff != "" {
			t.Errorf("%s: -want +got\n%s", section, diff)
		}
	}
}

func TestUnixBind(t *testing.T) {
	for lines, want := range map[string]string{
		"unix-bind prefix /run/lb mode 660\nfrontend f\n\tbind unix@/tls.sock":            `["durable/unix//run/lb/tls.sock|660"]`,
		"unix-bind mode 660\nfrontend f\n\tbind /run/tls.sock mode 600":                   `["durable/unix//run/tls.sock|600"]`,
		"unix-bind prefix /run/lb user haproxy\nfrontend f\n\tbind 192.0.2.1:443 name /x": `["durable/192.0.2.1:443"]`,
	} {
		got := apps(t, "global\n\t"+lines+"\n\tdefault_backend b\nbackend b\n\tserver s1 192.0.2.2:443\n")
		equal(t, lines, listens(t, got, "f"), want)
	}
	said := messages(t, "global\n\tunix-bind group haproxy\n"+strings.Replace(frontend("default_backend b"), "192.0.2.1:443", "/run/tls.sock", 1))
	const want = "E 'unix-bind group' in 'global' section: the owner of a socket cannot be set; expected mode alone, in a directory with restricted access"
	if !slices.Contains(said, want) {
		t.Errorf("%q", said)
	}
}

// A refused line causes one message: nothing that may be in that line is reported as missing.
func TestNoErrorsFollowFromRefusedLines(t *testing.T) {
	const (
		plain  = "defaults\n" + timeoutLines
		front  = "frontend f\n\tbind 192.0.2.1:443\n\tdefault_backend b\n"
		back   = "backend b\n\tserver s1 192.0.2.2:443\n"
		noPort = "backend b\n\tserver s1 192.0.2.2\n"
	)
	for what, c := range map[string]struct {
		text string
		want []string // the beginnings of all messages
	}{
		"bind ssl":              {plain + "frontend f\n\tbind :443 ssl crt a.pem alpn h2\n\tdefault_backend b\n" + back, []string{"E 'bind ... ssl' in frontend 'f': TLS is not terminated here"}},
		"bind crt before ssl":   {plain + "frontend f\n\tbind :443 crt a.pem strict-sni ssl\n\tdefault_backend b\n" + back, []string{"E 'bind ... ssl' in frontend 'f': TLS is not terminated here"}},
		"bind crt alone":        {plain + "frontend f\n\tbind :443 crt a.pem\n\tdefault_backend b\n" + back, []string{"ignored, without any effect on the traffic: 'bind ... crt': the line has no 'ssl'"}},
		"bind tcp-md5sig":       {plain + "frontend f\n\tbind :443 tcp-md5sig x\n\tdefault_backend b\n" + noPort, []string{"E 'bind ... tcp-md5sig' in frontend 'f': TCP MD5 signatures"}},
		"both":                  {plain + "frontend f\n\tbind :443 ssl tcp-md5sig x\n\tdefault_backend b\n" + back, []string{"E 'bind ... ssl'", "E 'bind ... tcp-md5sig'"}},
		"bind without a port":   {plain + "frontend f\n\tbind 192.0.2.1\n\tdefault_backend b\n" + noPort, []string{"E 'bind' : missing port"}},
		"bind in the header":    {plain + "frontend f :443\n\tdefault_backend b\n" + back, []string{"E please use the 'bind' keyword"}},
		"bind misspelt":         {plain + "frontend f\n\tbnid :443\n\tdefault_backend b\n" + back, []string{"E unknown keyword 'bnid'"}},
		"timeout":               {"defaults\n\ttimeout client 5x\n\ttimeout connect 1s\n\ttimeout server 1s\n" + front + back, []string{"E 'timeout client' : unexpected character 'x'"}},
		"timeout misspelt":      {"defaults\n\ttimeout clinet 5s\n\ttimeout connect 1s\n\ttimeout server 1s\n" + front + back, []string{"E 'timeout' supports"}},
		"balance":               {plain + front + "backend b\n\tbalance rond-robin\n\tserver s1 192.0.2.2:443\n\tserver s2 192.0.2.3:443\n", []string{"E balance only supports"}},
		"inspect-delay":         {plain + "frontend f\n\tbind :443\n\ttcp-request inspect-delay 5y\n\tuse_backend b if { req.ssl_sni a.test }\n" + back, []string{"E 'tcp-request inspect-delay' :"}},
		"option tcp-check":      {plain + front + "backend b\n\toption tcp-chek\n\ttcp-check connect\n\tserver s1 192.0.2.2:443 check\n", []string{"E unknown option 'tcp-chek'"}},
		"server option":         {plain + front + "backend b\n\tserver s1 192.0.2.2:443 tcp-md5sig x\n", []string{"E 'server b/s1' : 'tcp-md5sig'"}},
		"server address":        {plain + front + "backend b\n\tserver s1 192.0.2.300:443 check\n\tserver s2 192.0.2.3:443 track s1\n", []string{"E 'server b/s1' :"}},
		"server name":           {plain + front + "backend b\n\tserver s,1 192.0.2.2:443 check\n\tserver s2 192.0.2.3:443 track s,1\n", []string{"E character ',' is not permitted in server name"}},
		"tracked server":        {plain + front + "backend b\n\tserver s1 192.0.2.2:443 weight x check\n\tserver s2 192.0.2.3:443 track s1\n", []string{"E 'server b/s1' : weight"}},
		"agent-port":            {plain + front + "backend b\n\tserver s1 192.0.2.2:443 agent-check agent-port 0\n", []string{"E 'server b/s1' : 'agent-port'"}},
		"default-server":        {plain + front + "backend b\n\tdefault-server agent-port x\n\tserver s1 192.0.2.2:443 agent-check\n", []string{"E 'default-server' : 'agent-port'"}},
		"check port":            {plain + front + "backend b\n\tserver s1 192.0.2.2 check port x\n", []string{"E 'server b/s1' : 'port'"}},
		"section misspelt":      {plain + front + "bakend b\n\tserver s1 192.0.2.2:443\n", []string{"E unknown keyword 'bakend' in 'frontend' section; did you mean 'backend' maybe ?"}},
		"section in global":     {"global\n\tdaemn\nfrontned f\n\tbind :443\n\tdefault_backend b\n" + plain + back, []string{"E unknown keyword 'daemn' in 'global' section; did you mean 'daemon' maybe ?", "E unknown keyword 'frontned' in 'global' section; did you mean 'frontend' maybe ?"}},
		"a keyword near one":    {plain + "frontend f\n\tbackog 5\n\tbind 192.0.2.1:443\n\tdefault_backend c\n" + back, []string{"E unknown keyword 'backog' in 'frontend' section; did you mean 'backlog' maybe ?", "E Proxy 'f': unable to find required default_backend: 'c'"}},
		"another program's":     {plain + "frontend f\n\tupstream web\n\tbind 192.0.2.1:443\n\tdefault_backend c\n" + back, []string{"E unknown keyword 'upstream' in 'frontend' section", "E Proxy 'f': unable to find required default_backend: 'c'"}},
		"section without name":  {plain + front + "backend\n\tserver s1 192.0.2.2:443\n", []string{"E 'backend' expects an <id> argument"}},
		"tracked section":       {plain + front + back + "\tserver s2 192.0.2.3:443 track c/s1\nbackedn c\n\tserver s1 192.0.2.4:443 check\n", []string{"E unknown keyword 'backedn' in 'backend' section; did you mean 'backend' maybe ?"}},
		"check of any address":  {plain + front + "backend b\n\tserver s1 0.0.0.0:443 check\n", []string{"E 'server b/s1' : it has a check, and its address is that of each connection"}},
		"any address in http":   {"defaults\n\tmode http\n\ttimeout connect 5s\n\ttimeout client 1m\n\ttimeout server 1m\nbackend b\n\tserver s1 0.0.0.0:443\n", []string{"E 'server b/s1' : '0.0.0.0:443': connecting to the client's original destination is not available in mode http"}},
		"set-dst of a response": {plain + front + "backend b\n\ttcp-response content set-dst src\n\tserver s1 192.0.2.1:443\n", []string{"E 'tcp-response content' expects 'accept', 'reject'"}},
		"resolvers":             {plain + front + "backend b\n\tserver s1 a.test:443 resolvers dns\nresolvers\n\tnameserver a 192.0.2.9:53\n", []string{"E missing name for resolvers section"}},
		"mode":                  {plain + front + "backend b\n\tmode htpp\n\tserver s1 192.0.2.2:443\n", []string{"E 'mode' : unknown proxy mode 'htpp'"}},
		"mode of the frontend":  {plain + "frontend f\n\tmode htpp\n\tbind :443\n\tdefault_backend b\nbackend b\n\tmode http\n\tserver s1 192.0.2.2:443\n", []string{"E 'mode' : unknown proxy mode 'htpp'"}},
		"mode of the backend":   {plain + "frontend f\n\tmode http\n\tbind :80\n\tdefault_backend b\nbackend b\n\tmode htpt\n\tserver s1 192.0.2.2:80\n", []string{"E 'mode' : unknown proxy mode 'htpt'"}},
		"acl":                   {plain + "frontend f\n\tbind :443\n\tacl shop ssl.sni a.test\n\ttcp-request inspect-delay 1s\n\ttcp-request content accept if shop\n\tuse_backend b if shop\n" + back, []string{"E error detected while parsing ACL 'shop'"}},
		"acl name":              {plain + "frontend f\n\tbind :443\n\tacl a/b src 192.0.2.0/24\n\tuse_backend b if a/b\n" + back, []string{"E character '/' is not permitted in acl name"}},
		"defaults missing":      {"frontend f from base\n\tbind :443\n\tdefault_backend b\n" + plain + back, []string{"E defaults section 'base' not found"}},
	} {
		said := messages(t, c.text)
		if len(said) != len(c.want) || !slices.EqualFunc(said, c.want, strings.HasPrefix) {
			t.Errorf("%s: said\n\t%s\nwant\n\t%s", what, strings.Join(said, "\n\t"), strings.Join(c.want, "\n\t"))
		}
	}
}

// A keyword that HAProxy has and this program lacks is refused by name, without a suggestion.
func TestUnsupportedKeywordsAreNotUnknown(t *testing.T) {
	const plain = "defaults\n" + timeoutLines + "frontend f\n\tbind 192.0.2.1:443\n\tdefault_backend b\n"
	for text, want := range map[string]string{
		plain + "\tforce-be-switch if TRUE\nbackend b\n\tserver s1 192.0.2.2:443\n":                                                     "E 'force-be-switch' in frontend 'f': a disabled backend",
		plain + "backend b\n\tbe-unpublished\n\tserver s1 192.0.2.2:443\n":                                                              "E 'be-unpublished' in backend 'b': a backend cannot",
		plain + "backend b\n\tfilter-sequence request a\n\tserver s1 192.0.2.2:443\n":                                                   "E 'filter-sequence' in backend 'b': filters",
		plain + "backend b\n\tserver s1 192.0.2.2:443 from base\n":                                                                      "E 'server b/s1' : 'from': default-server lines with a name are not available",
		plain + "backend b\n\tdefault-server base weight 10\n\tserver s1 192.0.2.2:443\n":                                               "E 'default-server' : 'base' is not an option, and default-server lines with a name are not available",
		plain + "backend b\n\tserver s1 192.0.2.2:443 strict-maxconn weight 5\n":                                                        "ignored, without any effect on the traffic: 'strict-maxconn': it is for mode http",
		"defaults\n\tmode http\n" + timeoutLines + "frontend f\n\tbind 192.0.2.1:80\n\thttp-request normalize-uri path-merge-slashes\n": "E 'http-request normalize-uri' in frontend 'f': it is not available",
	} {
		said := messages(t, text)
		if len(said) != 1 || !strings.HasPrefix(said[0], want) {
			t.Errorf("%s: said\n\t%s\nwant\n\t%s", text, strings.Join(said, "\n\t"), want)
		}
	}
}

// All refused options of a line are reported at once, and options that belong to them are not
// reported as ineffective.
func TestAllRefusalsOfALineAreReported(t *testing.T) {
	const plain = "defaults\n" + timeoutLines + "frontend f\n\tbind 192.0.2.1:443\n\tdefault_backend b\n"
	for what, c := range map[string]struct {
		text string
		want []string // the beginnings of all messages
	}{
		"server":  {plain + "backend b\n\tserver s1 192.0.2.2:443 alpn h2 no-sslv3 ssl verify none tcp-md5sig x socks4 192.0.2.9:1080 weight 2 redir x\n", []string{"E 'server b/s1' : 'ssl'", "E 'server b/s1' : 'tcp-md5sig'", "E 'server b/s1' : 'socks4'", "E 'server b/s1' : 'redir'"}},
		"default": {plain + "backend b\n\tdefault-server ssl tcp-md5sig x\n\tserver s1 192.0.2.2:443\n", []string{"E 'default-server' : 'ssl'", "E 'default-server' : 'tcp-md5sig'"}},
		"bind":    {"global\n\tssl-default-bind-options no-sslv3\n\tcrt-base /etc\ndefaults\n" + timeoutLines + "frontend f\n\tbind :443 alpn h2 no-sslv3 ssl crt a.pem tcp-md5sig x user u\n\tdefault_backend b\nbackend b\n\tserver s1 192.0.2.2\ncrt-store x\n\tload crt a.pem\n", []string{"E 'bind ... ssl'", "E 'bind ... tcp-md5sig'", "E 'bind ... user'"}},
		"section": {plain + "backend b\n\tserver s1 192.0.2.2:443 check healthcheck x\nhealthcheck y\n\ttype tcp-check\n", []string{"E 'server b/s1' : unable to find healthcheck section 'x'"}},
	} {
		said := messages(t, c.text)
		if len(said) != len(c.want) || !slices.EqualFunc(said, c.want, strings.HasPrefix) {
			t.Errorf("%s: said\n\t%s\nwant\n\t%s", what, strings.Join(said, "\n\t"), strings.Join(c.want, "\n\t"))
		}
	}
}

// Independent mistakes are reported beside others.
func TestIndependentMistakesAreReported(t *testing.T) {
	said := messages(t, "defaults\n"+timeoutLines+"frontend f\n\tbind :443 ssl\n\tdefault_backend c\nbackend b\n\tserver s1 192.0.2.2:443 weight x\n\tserver s2 192.0.2.3:443 track s9\nfrontend g\n\tdefault_backend b\n")
	for _, want := range []string{"E 'bind ... ssl'", "E Proxy 'f': unable to find required default_backend: 'c'", "E 'server b/s1' : weight", "E 'server b/s2' : unable to find required server 's9'", "frontend 'g' has no 'bind'"} {
		if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("%q is not said:\n%s", want, strings.Join(said, "\n"))
		}
	}
}
