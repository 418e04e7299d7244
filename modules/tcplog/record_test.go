// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

var (
	client = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 50123}
	local  = &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 443}
)

// writeTo writes the line of r to a logger, as the writer of a queue does.
func writeTo(logger *zap.Logger, r *Record) {
	e := entry{text: string(appendEntry(nil, time.Now(), r, Closed, r.End.severity())[4:])}
	e.write(logger)
}

// names returns the names in p.
func (p Protocols) names() []string {
	encoder := zapcore.NewMapObjectEncoder()
	_ = encoder.AddArray("", p)
	var names []string
	for _, name := range encoder.Fields[""].([]any) {
		names = append(names, name.(string))
	}
	return names
}

// written returns the line that r writes, with the level in place of a time.
func written(t *testing.T, r Record) string {
	t.Helper()
	var line bytes.Buffer
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		MessageKey: "msg", LevelKey: "level",
		EncodeLevel: zapcore.LowercaseLevelEncoder, EncodeDuration: zapcore.SecondsDurationEncoder, EncodeTime: zapcore.EpochTimeEncoder,
	})
	writeTo(zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&line), zapcore.DebugLevel)), &r)
	return line.String()
}

func TestLineOfASession(t *testing.T) {
	r := New("tls", client, local)
	r.Backend, r.Server, r.Address = "web", "s2", "10.0.0.2:443"
	r.Accepted = time.UnixMicro(1_790_000_000_123_456)
	r.ActConn, r.FEConn, r.BEConn, r.SrvConn = 4, 3, 2, 1
	r.Outcome = clienthello.Found
	r.SetHello(hello(t, "WWW.Example.Test", "h2", "http/1.1"))
	r.HelloWait, r.Connect, r.Duration = 1500*time.Microsecond, 2*time.Second, time.Minute
	r.Queue, r.ServerQueue, r.BackendQueue = time.Second, 2, 30
	r.Retries, r.Redispatched = 1, true
	r.End, r.EndedBy, r.Error, r.In, r.Out = ServerReset, relay.Server, "connection reset by peer", 517, 1<<33
	want := `{"level":"info","msg":"session","frontend":"tls","backend":"web","server":"s2","server_address":"10.0.0.2:443",` +
		`"client":"192.0.2.7:50123","local":"[2001:db8::1]:443","peer":"","accepted":1790000000.123456,"outcome":"hello","sni":"www.example.test","authority":"","unique_id":"","alpn":["h2","http/1.1"],` +
		`"tls_version":"1.3","hello_size":0,"server_tls_version":"","server_alert":"","hello_wait":0.0015,"queue_time":1,"connect_time":2,"duration":60,"server_queue":2,"backend_queue":30,"bytes_in":517,"bytes_out":8589934592,` +
		`"retries":1,"redispatched":true,"actconn":4,"feconn":3,"beconn":2,"srv_conn":1,"termination":"SD","end":"server_reset","ended_by":"server","error":"connection reset by peer"}` + "\n"
	if got := written(t, r); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

// The line of a refused connection has the same fields.
func TestLineOfARefusal(t *testing.T) {
	r := New("tls", client, local)
	r.Outcome, r.End, r.Accepted = clienthello.NotTLS, Refused, time.Unix(1, 0)
	want := `{"level":"info","msg":"session","frontend":"tls","backend":"","server":"","server_address":"",` +
		`"client":"192.0.2.7:50123","local":"[2001:db8::1]:443","peer":"","accepted":1,"outcome":"not_tls","sni":"","authority":"","unique_id":"","alpn":[],` +
		`"tls_version":"","hello_size":0,"server_tls_version":"","server_alert":"","hello_wait":-1,"queue_time":-1,"connect_time":-1,"duration":0,"server_queue":0,"backend_queue":0,"bytes_in":0,"bytes_out":0,` +
		`"retries":0,"redispatched":false,"actconn":0,"feconn":0,"beconn":0,"srv_conn":0,"termination":"PR","end":"refused","ended_by":"proxy","error":""}` + "\n"
	if got := written(t, r); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

// A connection from which nothing was read has the outcome "none".
func TestUninspectedOutcomeIsNone(t *testing.T) {
	r := New("tls", client, local)
	r.Outcome, r.Uninspected = clienthello.Pending, true
	if got := written(t, r); !strings.Contains(got, `"outcome":"none"`) {
		t.Errorf("got %s", got)
	}
}

func TestLevelIsErrorForTheProxysOwnFailures(t *testing.T) {
	for end := range End(len(ends)) {
		want := `{"level":"info",`
		if end == Failed || end == InspectionFailed || end == NoResources {
			want = `{"level":"error",`
		}
		if got := written(t, Record{End: end}); !strings.HasPrefix(got, want) {
			t.Errorf("end %v (%s) is logged as %.20s", end, end.Letters(), got)
		}
	}
}

func TestNoLineBelowTheLogsLevel(t *testing.T) {
	var line bytes.Buffer
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{}), zapcore.AddSync(&line), zapcore.ErrorLevel)
	r := New("tls", client, local)
	writeTo(zap.New(core), &r)
	if line.Len() > 0 {
		t.Errorf("wrote %s", &line)
	}
	r.End = Failed
	writeTo(zap.New(core), &r)
	if line.Len() == 0 {
		t.Error("did not write the failure")
	}
}

func TestALPNIsCapped(t *testing.T) {
	var protocols []string
	for i := range 12 {
		protocols = append(protocols, fmt.Sprintf("p%d", i))
	}
	for _, n := range []int{0, 1, maxALPN - 1, maxALPN, maxALPN + 1, len(protocols)} {
		r := New("tls", client, local)
		r.SetHello(hello(t, "a.test", protocols[:n]...))
		if want := protocols[:min(n, maxALPN)]; !slices.Equal(r.ALPN.names(), want) {
			t.Errorf("%d protocols: %q, want %q", n, r.ALPN, want)
		}
	}
}

// A client's server name can be anything. It must neither break the line in two nor add fields.
func TestHostileNamesStayInTheirField(t *testing.T) {
	for _, name := range []string{
		"a\nb", "a\r\n{\"level\":\"error\"}", `a","sni":"b`, `back\slash`, "tab\tbell\a\x1b[31m", "\x7f\x01",
		"\xff\xfe\xc3(", "bücher.test", "\u2028\u2029", "<script>&", strings.Repeat("a", 255), "../../etc/passwd", "%s%n${jndi:x}",
	} {
		r := New("tls", client, local)
		r.Outcome = clienthello.Found
		r.SetHello(hello(t, name, name))
		line := written(t, r)
		var fields struct {
			Level, SNI string
			ALPN       []string
		}
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Errorf("%q: %v in %q", name, err, line)
			continue
		}
		if strings.Count(line, "\n") != 1 || strings.Count(line, `"sni":`) != 1 || strings.ContainsAny(line, "\r\x1b\a") || fields.Level != "info" {
			t.Errorf("%q: line %q", name, line)
		}
		if want := printable.Text(r.ServerName); want == "" || fields.SNI != want {
			t.Errorf("%q: logged as %q, want %q", name, fields.SNI, want)
		}
		if len(fields.ALPN) != 1 || string(printable.Bytes(fields.ALPN[0])) != name {
			t.Errorf("%q: protocol logged as %q", name, fields.ALPN)
		}
	}
}

// The record outlives the buffer that the hello refers to.
func TestHelloIsCopied(t *testing.T) {
	raw := hellotest.Hello(t, "a.test", "h2")
	h, err := clienthello.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	r := New("tls", client, local)
	r.SetHello(&h)
	clear(raw)
	if r.ServerName != "a.test" || r.ALPN != "\x02h2" {
		t.Errorf("name %q, protocols %q", r.ServerName, r.ALPN)
	}
}

func hello(t *testing.T, name string, protocols ...string) *clienthello.Hello {
	t.Helper()
	h, err := clienthello.Parse(hellotest.Hello(t, name, protocols...))
	if err != nil {
		t.Fatal(err)
	}
	return &h
}
