// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// explainedConfig has rules of many kinds, and a port that Caddy's own sites share.
const explainedConfig = `{
	admin ADMIN
	storage file_system STATE
	persist_config off
	skip_install_trust
	local_certs
	auto_https disable_redirects
	http_port 1
	https_port PORT
	default_bind 127.0.0.1
	passthrough {
		stick_table seen {
			type ip
			store conn_cnt
		}
		frontend tls {
			bind FRONT
			inspect_delay 1m
			connection {
				track 0 src table seen
			}
			close acl req.ssl_sni -m beg blocked.
			use_backend mail sni *.mail.test .smtp.test
			use_backend_map MAP
			use_backend hashed sni_regexp ^h[0-9]
			use_backend api {
				alpn http/1.1
				version 1.2
			}
			reject sni old.test
			use_backend_format %[req.ssl_sni,field(1,.)]
			on not_tls backend web
			on no_server backend web
			default_backend web
		}
		frontend impatient {
			bind HASTY
			inspect_delay 300ms
			default_backend web
		}
		backend web {
			server s1 S1
		}
		backend mail {
			server m1 S2
		}
		backend api {
			server a1 S3
		}
		backend empty {
			server e1 S1 disabled
		}
		backend hashed {
			balance hash sni
			server s1 S1
			server s2 S2
			server s3 S3
		}
	}
}

own.test {
	respond "own"
}

:PORT {
	passthrough *.passed.test S1
	passthrough {
		name port
	}
}
`

// explained are the fields of an explanation, and of a line of the log, that must agree.
type explained struct {
	Frontend string `json:"frontend"`
	Backend  string `json:"backend"`
	Server   string `json:"server"`
	End      string `json:"end"`
	Summary  string `json:"summary"`
}

// decision is a rule, or another choice of a frontend.
type decision struct {
	List   string `json:"list"`
	Number int    `json:"number"`
	Rule   string `json:"rule"`
}

// explain asks where a connection would go, and by which decisions.
func (r *rig) explain(t *testing.T, probe map[string]string) (x explained, by []decision) {
	t.Helper()
	body, _ := json.Marshal(probe)
	status, text := r.ask(t, http.MethodPost, "/passthrough/explain", string(body), nil)
	var all []struct {
		explained
		Steps []struct {
			decision
			Result string `json:"result"`
		} `json:"steps"`
	}
	if err := json.Unmarshal(text, &all); status != http.StatusOK || err != nil || len(all) != 1 {
		t.Fatalf("%v: %d %s", probe, status, text)
	}
	for _, s := range all[0].Steps {
		if s.List == "default_backend" {
			by = nil // a rule may have matched, and named no backend
		}
		if s.Result == "matches" && slices.Contains([]string{"site", "rule", "default_backend", "on"}, s.List) {
			by = append(by, s.decision)
		}
	}
	return all[0].explained, by
}

// decided returns the number of connections of a frontend for which each decision was made.
func (r *rig) decided(t *testing.T, frontend string) map[decision]int {
	t.Helper()
	_, text := r.ask(t, http.MethodGet, "/passthrough/flow", "", nil)
	var flow struct {
		Frontends []struct {
			Name    string `json:"name"`
			Choices []struct {
				decision
				Total int `json:"total"`
			} `json:"choices"`
		} `json:"frontends"`
	}
	if err := json.Unmarshal(text, &flow); err != nil {
		t.Fatal(err)
	}
	all := make(map[decision]int)
	for _, f := range flow.Frontends {
		for _, c := range f.Choices {
			if f.Name == frontend && c.Total > 0 {
				all[c.decision] = c.Total
			}
		}
	}
	return all
}

// sessionLines returns the lines of connections in the log.
func (r *rig) sessionLines(t *testing.T) (all []explained) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "caddy.log"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var l struct {
			Message string `json:"msg"`
			explained
		}
		if json.Unmarshal(line, &l) == nil && l.Message == "session" {
			all = append(all, l.explained)
		}
	}
	return all
}

// TestExplainAsItHappens makes connections by real clients, and compares their log lines with what
// explain said before.
func TestExplainAsItHappens(t *testing.T) {
	t.Parallel()
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	r := newRig(t)
	sites := filepath.Join(r.dir, "sites.map")
	if err := os.WriteFile(sites, []byte("mapped.test api\n.deep.mapped.test mail\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	shared, hasty := programs.Address(t), programs.Address(t)
	_, port, _ := net.SplitHostPort(shared)
	r.run(t, strings.NewReplacer("ADMIN", r.admin, "STATE", filepath.Join(r.dir, "state"), "FRONT", r.front, "HASTY", hasty, "MAP", sites, "PORT", port,
		"S1", r.servers[0].address, "S2", r.servers[1].address, "S3", r.servers[2].address).Replace(explainedConfig))
	decisions := map[string]map[decision]int{"tls": {}, "port": {}, "impatient": {}}
	connect := func(probe map[string]string, visit func()) {
		before := len(r.sessionLines(t))
		want, by := r.explain(t, probe)
		for _, d := range by {
			decisions[probe["frontend"]][d]++
		}
		if again, _ := r.explain(t, probe); again != want {
			t.Errorf("%v: %+v, then %+v", probe, want, again)
		}
		visit()
		if want.End == "passed_on" {
			return
		}
		until(t, fmt.Sprintf("the log line of %v", probe), func() bool { return len(r.sessionLines(t)) > before })
		got := r.sessionLines(t)[before]
		if got.Frontend != want.Frontend || got.Backend != want.Backend || want.End != "" && got.End != want.End || want.End == "" && got.Server != want.Server {
			t.Errorf("%v: explained as %+v, but %+v", probe, want, got)
		}
	}
	get := func(name, address string, more ...string) func() {
		host, port, _ := net.SplitHostPort(address)
		args := append([]string{"-sk", "--max-time", "30", "--connect-to", fmt.Sprintf("::%s:%s", host, port), "https://" + name + "/"}, more...)
		return func() { _ = exec.Command(curl, args...).Run() }
	}
	for _, name := range []string{
		"www.test", "a.mail.test", "b.a.mail.test", "x.y.smtp.test", "mapped.test", "a.deep.mapped.test", "h1.test", "h2.test", "h3.test", "h99.test",
		"old.test", "blocked.test", "empty.test", "api.test", "nowhere.test", "mail.test",
	} {
		connect(map[string]string{"frontend": "tls", "name": name}, get(name, r.front))
	}
	for _, name := range []string{"a.passed.test", "own.test"} {
		connect(map[string]string{"frontend": "port", "name": name}, get(name, shared))
	}
	hello := recordHello(t, curl, "tls12.test", "--tls-max", "1.2", "--http1.1")
	connect(map[string]string{"frontend": "tls", "hello": hex.EncodeToString(hello)}, get("tls12.test", r.front, "--tls-max", "1.2", "--http1.1"))
	for _, sent := range [][]byte{[]byte("SSH-2.0-x\r\n"), {22, 3, 1, 0, 5, 1, 0, 0, 1, 0}} {
		connect(map[string]string{"frontend": "tls", "hello": hex.EncodeToString(sent)}, func() { send(t, r.front, sent) })
	}
	connect(map[string]string{"frontend": "impatient", "hello": hex.EncodeToString(hello[:40])}, func() { send(t, hasty, hello[:40]) })
	for frontend, want := range decisions {
		if got := r.decided(t, frontend); !maps.Equal(got, want) {
			t.Errorf("frontend %s decided %v, want %v", frontend, got, want)
		}
	}
}

// send sends bytes to a frontend and waits until it closes the connection.
func send(t *testing.T, address string, sent []byte) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = c.Write(sent)
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, _ = io.ReadAll(c)
}

// recordHello returns the first bytes that curl sends.
func recordHello(t *testing.T, curl, name string, args ...string) []byte {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	cmd := exec.Command(curl, append([]string{"-sk", "--max-time", "30", "--connect-to", "::127.0.0.1:" + port, "https://" + name + "/"}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill() // it would connect again
		_ = cmd.Wait()
	}()
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := make([]byte, 16<<10)
	n, err := io.ReadAtLeast(c, b, 5)
	if err != nil {
		t.Fatal(err)
	}
	more, err := io.ReadAtLeast(c, b[n:], max(0, 5+int(b[3])<<8+int(b[4])-n))
	if err != nil {
		t.Fatal(err)
	}
	return b[:n+more]
}
