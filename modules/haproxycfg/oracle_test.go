// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// examples are arguments for the keywords that need some.
var examples = map[string]string{
	"acl": "x src 192.0.2.1", "backlog": "9", "balance": "roundrobin", "bind": ":8099", "default-server": "weight 2", "default_backend": "other",
	"declare capture": "request len 4", "description": "web", "fullconn": "9", "hash-balance-factor": "150", "hash-type": "consistent", "http-check": "send-state",
	"http-request": "deny", "log": "global", "log-format": "x", "log-format-sd": "x", "error-log-format": "x", "log-tag": "x", "maxconn": "9", "mode": "tcp", "option pgsql-check": "user x",
	"rate-limit sessions": "9", "retries": "2", "retry-on": "none", "server": "s9 192.0.2.9:1", "tcp-check": "connect", "tcp-request connection": "accept",
	"tcp-request content": "accept", "tcp-request session": "accept", "tcp-request inspect-delay": "1s", "timeout check": "1s", "timeout client": "1s",
	"timeout client-fin": "1s", "timeout connect": "1s", "timeout queue": "1s", "timeout server": "1s", "timeout server-fin": "1s", "timeout tunnel": "1s",
	"timeout http-keep-alive": "1s", "timeout http-request": "1s", "timeout tarpit": "1s", "unique-id-format": "x", "unique-id-header": "x", "use_backend": "other",
	"cookie": "x insert", "errorfile": "400 /dev/null", "errorloc": "400 http://a.test/", "errorloc302": "400 http://a.test/", "errorloc303": "400 http://a.test/",
	"capture cookie": "x len 3", "capture request": "header Host len 3", "capture response": "header Host len 3", "compression": "algo gzip",
	"http-response": "deny", "http-after-response": "del-header x", "http-reuse": "never", "http-send-name-header": "x", "monitor fail": "if TRUE", "monitor-uri": "/x",
	"redirect": "scheme https", "email-alert": "level info", "load-server-state-from-file": "global", "server-state-file-name": "x", "max-keep-alive-queue": "4",
	"max-session-srv-conns": "4", "clitcpka-cnt": "4", "clitcpka-idle": "4", "clitcpka-intvl": "4", "srvtcpka-cnt": "4", "srvtcpka-idle": "4", "srvtcpka-intvl": "4",
	"source": "192.0.2.1", "stats admin": "if TRUE", "stats auth": "a:b", "stats http-request": "deny", "stats realm": "x", "stats refresh": "5s", "stats scope": ".", "stats uri": "/x",
	"stats show-node": "x", "stats show-desc": "x", "dynamic-cookie-key": "x", "external-check": "path /bin", "option external-check": "\n\texternal-check command /bin/true", "bind-process": "all", "stick-table": "type ip size 1k",
	"option persist": "", "force-persist": "if TRUE", "ignore-persist": "if TRUE", "use-fcgi-app": "x", "option originalto": "", "use-server": "%[str(s1)] if TRUE",
}

// later are keywords that Debian's HAProxy (2.6) does not have yet, or no longer has.
var later = []string{
	"guid", "hash-preserve-affinity", "log-steps", "quic-initial", "ssl-f-use", "timeout client-hs", "option http-drop-request-trailers", "option http-drop-response-trailers",
	"option accept-unsafe-violations-in-http-request", "option accept-unsafe-violations-in-http-response", "option forwarded", "option use-small-buffers",
	"monitor-net", "http-error", "errorfiles", "option http-use-htx", "option forceclose", "option httpclose", "option http-tunnel", "option http-restrict-req-hdr-names",
}

// keywordCase is a keyword in a kind of section.
type keywordCase struct {
	kind, line string
	refused    bool // in HAProxy
}

// section returns a section that is valid apart from the line, with everything that the line needs.
// n makes names unique.
func (c *keywordCase) section(n int) string {
	switch name := fmt.Sprintf("x%d", n); c.kind {
	case "defaults":
		return fmt.Sprintf("defaults %s\n\t%s\n%sfrontend %s from %s\n\tbind 127.0.0.1:%d\n\tdefault_backend other\n", name, c.line, timeoutLines, name, name, 20000+n)
	case "backend":
		return fmt.Sprintf("backend %s from named\n\t%s\n", name, c.line)
	default:
		return fmt.Sprintf("%s %s from named\n\tbind 127.0.0.1:%d\n\t%s\n", c.kind, name, 20000+n, c.line)
	}
}

const others = "global\n\texternal-check\ndefaults named\n" + timeoutLines + "frontend other from named\n\tbind :8097\n\tdefault_backend other\nbackend other from named\n\tbalance roundrobin\n\tserver s1 192.0.2.1:443\n"

// alerts finds the places in HAProxy's messages: a line, or a section's name.
var alerts = regexp.MustCompile(`(?m)^\[ALERT\].*?(?:haproxy\.cfg:(\d+)\]|(?:proxy|frontend|backend|listen) '(x\d+)')`)

// ask runs HAProxy over all cases in a few runs. After each run, the cases that it reports are
// taken out, until it reports none.
func ask(t *testing.T, haproxy string, cases []*keywordCase) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	for range 20 {
		text := others
		var at []string // of each line, the section's name
		for range strings.Count(text, "\n") {
			at = append(at, "")
		}
		names := make(map[string]*keywordCase)
		for n, c := range cases {
			if c.refused {
				continue
			}
			section, name := c.section(n), fmt.Sprintf("x%d", n)
			names[name] = c
			text += section
			for range strings.Count(section, "\n") {
				at = append(at, name)
			}
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), haproxy, "-c", "-f", file).CombinedOutput()
		if err == nil {
			return
		}
		found := alerts.FindAllStringSubmatch(string(out), -1)
		if len(found) == 0 {
			t.Fatalf("HAProxy refuses, and does not say what:\n%s", out)
		}
		for _, m := range found {
			name := m[2]
			if m[1] != "" {
				line, _ := strconv.Atoi(m[1])
				name = at[line-1]
			}
			if names[name] == nil {
				t.Fatalf("HAProxy refuses what is around the cases: %s", m[0])
			}
			names[name].refused = true
		}
	}
	t.Fatal("HAProxy is never content")
}

// In each kind of section, a keyword is accepted if HAProxy accepts it. Keywords that are refused
// here in any case are not compared.
func TestKeywordsInSections(t *testing.T) {
	haproxy := findHAProxy(t)
	var cases []*keywordCase
	for _, name := range slices.Sorted(maps.Keys(proxyKeywords)) {
		if slices.Contains(later, name) || proxyKeywords[name].grade == refused {
			continue
		}
		for _, kind := range []string{"defaults", "frontend", "backend", "listen"} {
			// Rules of mode http only apply in the section itself.
			if kind == "defaults" && slices.Contains([]string{"http-request", "http-response", "http-after-response"}, name) {
				continue
			}
			line := strings.TrimSpace(name + " " + examples[name])
			if name == "id" { // all must differ
				line += fmt.Sprintf(" %d", 900+len(cases))
			}
			cases = append(cases, &keywordCase{kind: kind, line: line})
		}
	}
	ask(t, haproxy, cases)
	refusals := 0
	for n, c := range cases {
		r := translated(t, others+c.section(n))
		if r.Failed != c.refused {
			t.Errorf("%q in %s: refused by HAProxy: %v, here: %v, %v", c.line, c.kind, c.refused, r.Failed, r.Problems)
		}
		if c.refused {
			refusals++
		}
	}
	t.Logf("%d keywords in sections compared, %d of them refused by both", len(cases), refusals)
}
