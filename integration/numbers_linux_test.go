// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// endShown is a connection in the answer of /passthrough/ends.
type endShown struct {
	Name, Termination, Reason, Meaning, Server string
	Failed                                     bool
	In                                         int64 `json:"bytes_in"`
	Out                                        int64 `json:"bytes_out"`
}

// nameShown is a name with its count.
type nameShown struct {
	Name  string
	Count int64
}

// answerOf reads an answer of the admin endpoint.
func answerOf[T any](t *testing.T, p *process, path string) (v T) {
	t.Helper()
	status, text := p.ask(t, http.MethodGet, "/passthrough/"+path, "")
	if err := json.Unmarshal([]byte(text), &v); err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d %s, %v", path, status, text, err)
	}
	return v
}

// awaitTrue waits until a condition holds.
func awaitTrue(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for over := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(over) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// driven is a process whose traffic is known: three sessions, one that goes on, and connections
// that fail.
type driven struct {
	*process
	address string
	live    *net.TCPConn
}

const (
	namedA, namedDead, namedUnknown, notTLS = 3, 6, 7, 2

	drivenEnds = namedA + namedDead + namedUnknown + notTLS
	liveBytes  = 1 << 20
)

func drive(t *testing.T) *driven {
	d := &driven{address: freeAddress(t)}
	d.process = start(t, fmt.Sprintf("passthrough {\n backend web {\n server s1 %s\n }\n backend dead {\n retries 0\n server d1 %s\n timeouts connect 1s\n }\n"+
		" frontend tls {\n bind %s\n use_backend dead sni dead.example.test\n use_backend web sni a.example.test\n }\n}", listen(t, greetAndEcho), programs.Refusing(t), d.address), "")
	for n, count := range map[string]int{"a.example.test": namedA, "dead.example.test": namedDead, "unknown.example.test": namedUnknown, "": notTLS} {
		for range count {
			c := d.connect(t, n)
			_ = c.CloseWrite()
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}
	d.live = d.connect(t, "a.example.test")
	go func() { _, _ = d.live.Write(make([]byte, liveBytes)) }()
	read(t, d.live, make([]byte, liveBytes))
	return d
}

// connect sends the hello for a name, or else something that is no hello. The connection is a
// session if the name is that of backend web.
func (d *driven) connect(t *testing.T, name string) *net.TCPConn {
	t.Helper()
	c, sent := dial(t, d.address), []byte("GET / HTTP/1.1\r\n\r\n")
	if name != "" {
		sent = hellotest.Hello(t, name)
	}
	if _, err := c.Write(sent); err != nil {
		t.Fatal(err)
	}
	if name == "a.example.test" {
		read(t, c, make([]byte, 2))
	}
	return c
}

// The numbers at the admin endpoint, of the metrics and of the log are the same after known
// traffic.
func TestNumbersAgree(t *testing.T) {
	t.Parallel()
	d := drive(t)
	lines := d.sessions(t, drivenEnds)
	ends := answerOf[[]endShown](t, d.process, "ends")
	if len(lines) != drivenEnds || len(ends) != drivenEnds {
		t.Fatalf("%d lines and %d ends, want %d", len(lines), len(ends), drivenEnds)
	}
	var logged, listed []string
	var in, out, named, failed int64
	for _, l := range lines {
		logged = append(logged, fmt.Sprint(l.SNI, " ", l.Termination, " ", l.End, " ", l.Server, " ", l.In, " ", l.Out))
		in, out = in+l.In, out+l.Out
		if l.SNI == "a.example.test" {
			named += l.In + l.Out
		}
	}
	for _, e := range ends {
		listed = append(listed, fmt.Sprint(e.Name, " ", e.Termination, " ", e.Reason, " ", e.Server, " ", e.In, " ", e.Out))
		if e.Failed {
			failed++
		}
	}
	slices.Sort(logged)
	slices.Sort(listed)
	if !slices.Equal(logged, listed) {
		t.Errorf("in the log %q,\nin the list %q", logged, listed)
	}
	if failed != namedDead+namedUnknown+notTLS || len(answerOf[[]endShown](t, d.process, "ends?failed=1&name=dead.example.test&termination=SC")) != namedDead {
		t.Errorf("%d failures", failed)
	}
	hello := float64(namedA + namedDead + namedUnknown)
	d.awaitValues(t, map[string]float64{
		`caddy_passthrough_frontend_in_bytes_total{frontend="tls"}`:                 float64(in),
		`caddy_passthrough_frontend_out_bytes_total{frontend="tls"}`:                float64(out),
		`caddy_passthrough_frontend_hellos_total{frontend="tls",outcome="hello"}`:   hello,
		`caddy_passthrough_frontend_hellos_total{frontend="tls",outcome="not_tls"}`: notTLS,
		`caddy_passthrough_sni_connections_total{name="a.example.test"}`:            namedA,
		`caddy_passthrough_sni_connections_total{name="unknown.example.test"}`:      namedUnknown,
		`caddy_passthrough_frontend_connections{frontend="tls"}`:                    1,
		`caddy_passthrough_log_lines_total`:                                         drivenEnds,
		`caddy_passthrough_frontend_sessions_total{frontend="tls"}`:                 drivenEnds + 1,
	})
	d.checkNames(t, named)
	d.checkHellos(t)
}

func (d *driven) checkNames(t *testing.T, bytes int64) {
	t.Helper()
	names := answerOf[struct{ Names, Bytes, Failures, Unknown []nameShown }](t, d.process, "names")
	if !slices.Equal(names.Names, []nameShown{{"unknown.example.test", namedUnknown}, {"dead.example.test", namedDead}, {"a.example.test", namedA}}) {
		t.Errorf("names %v", names.Names)
	}
	if len(names.Bytes) != 1 || names.Bytes[0] != (nameShown{"a.example.test", bytes}) {
		t.Errorf("bytes %v, want %d", names.Bytes, bytes)
	}
	if !slices.Equal(names.Failures, []nameShown{{"unknown.example.test", namedUnknown}, {"dead.example.test", namedDead}}) {
		t.Errorf("failures %v", names.Failures)
	}
	if !slices.Equal(names.Unknown, []nameShown{{"unknown.example.test", namedUnknown}}) {
		t.Errorf("unknown %v", names.Unknown)
	}
}

func (d *driven) checkHellos(t *testing.T) {
	t.Helper()
	const hellos = namedA + namedDead + namedUnknown + 1
	h := answerOf[struct {
		Frontends map[string]struct {
			Hellos      int
			PostQuantum int `json:"post_quantum"`
			Offered     map[string]int
			Outcomes    map[string]int
		}
	}](t, d.process, "hellos").Frontends["tls"]
	if h.Hellos != hellos || h.PostQuantum != hellos || h.Offered["1.3"] != hellos || h.Outcomes["hello"] != hellos-1 || h.Outcomes["not_tls"] != notTLS {
		t.Errorf("hellos %+v", h)
	}
}

// The last hour has the bytes of a session that goes on, and continues over a reload; and the
// problems that the traffic shows are found, by the command too.
func TestHistoryAndProblems(t *testing.T) {
	t.Parallel()
	d := drive(t)
	d.sessions(t, drivenEnds)
	moved := func(series string) (bytes float64) {
		h := answerOf[struct {
			Step   float64
			Series map[string][]float64
		}](t, d.process, "history")
		for _, v := range h.Series[series] {
			bytes += v * h.Step
		}
		return bytes
	}
	kinds := make(map[string]string)
	awaitTrue(t, "problems", func() bool {
		clear(kinds)
		for _, p := range answerOf[[]struct{ Kind, Severity, What, Advice string }](t, d.process, "problems") {
			kinds[p.Kind] = p.Severity + ": " + p.What
		}
		return kinds["connect_failures"] == "warning: Connections fail because server dead/d1 cannot be reached." && strings.Contains(kinds["unknown_names"], "frontend tls")
	})
	out, err := command(t, t.TempDir(), "passthrough", "--address", d.admin, "status").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "warning: "+strings.TrimPrefix(kinds["connect_failures"], "warning: ")) {
		t.Errorf("status: %v\n%s", err, out)
	}
	// The first value is taken when the configuration starts. The step in which bytes passed may have
	// been a little longer or shorter than the others.
	awaitTrue(t, "bytes of the live session in the history", func() bool { return moved("bytes_out") > 0.8*liveBytes })
	if got := moved("bytes_out"); got > 1.3*(liveBytes+drivenEnds*2) {
		t.Errorf("%v bytes in the history, want about %d", got, liveBytes)
	}
	before := moved("bytes_out")
	if err := d.load(t); err != nil {
		t.Fatal(err)
	}
	if after := moved("bytes_out"); after < before {
		t.Errorf("%v bytes in the history after a reload, %v before", after, before)
	}
}
