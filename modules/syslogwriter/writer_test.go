// SPDX-License-Identifier: Apache-2.0

package syslogwriter

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func parsed(text string) (*Writer, error) {
	w := new(Writer)
	return w, w.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
}

func TestCaddyfile(t *testing.T) {
	w, err := parsed(`syslog tcp/10.0.0.1:601 {
		format rfc5424
		framing octet-count
		facility local3
		tag web
		hostname edge1
		length 2048
		level notice err
		sample 1:10
		buffer 64KiB
	}`)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(w)
	const want = `{"address":"tcp/10.0.0.1:601","format":"rfc5424","framing":"octet-count","facility":"local3","tag":"web","hostname":"edge1","length":2048,"level":"notice","min_level":"err","sample":"1:10","buffer":65536}`
	if string(got) != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ wrong, right, want string }{
		{"syslog", "syslog udp/10.0.0.1:514", `"syslog" needs an argument`},
		{"syslog 10.0.0.1 local0", "syslog 10.0.0.1", `unexpected "local0": expected syslog, one address`},
		{"syslog tpc/10.0.0.1:514", "syslog tcp/10.0.0.1:514", `network tpc: expected udp, tcp, unixgram or unix`},
		{"syslog 10.0.0.1:514-516", "syslog 10.0.0.1:514", `expected one port`},
		{"syslog fd/x", "syslog fd/2", `expected the number of a descriptor`},
		{"syslog stdout {\n hostname {no.such}\n}", "syslog stdout {\n hostname {system.hostname}\n}", `hostname: unrecognized placeholder {no.such}`},
		{"syslog stdout {\n format rfc3146\n}", "syslog stdout {\n format rfc3164\n}", `unknown format "rfc3146": expected one of local, rfc3164`},
		{"syslog stdout {\n facility local8\n}", "syslog stdout {\n facility local7\n}", `unknown facility "local8": expected one of kern, user`},
		{"syslog stdout {\n framing octets\n}", "syslog stdout {\n framing octet-count\n}", `unknown framing "octets": expected one of legacy, octet-count`},
		{"syslog stdout {\n level warn\n}", "syslog stdout {\n level warning\n}", `unknown level "warn": expected one of emerg, alert`},
		{"syslog stdout {\n level info error\n}", "syslog stdout {\n level info err\n}", `unknown level "error"`},
		{"syslog stdout {\n length 79\n}", "syslog stdout {\n length 80\n}", `expected a whole number from 80 to 65535`},
		{"syslog stdout {\n sample 11:10\n}", "syslog stdout {\n sample 10:10\n}", `sample "11:10": range "11": expected numbers from 1 to 10`},
		{"syslog stdout {\n buffer 1KiB\n}", "syslog stdout {\n buffer 1MiB\n}", `buffer 1024: expected 65536 to 1073741824 bytes`},
		{"syslog stdout {\n fromat raw\n}", "syslog stdout {\n format raw\n}", `unknown option "fromat"; did you mean "format"?`},
	} {
		if _, err := parsed(c.wrong); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "Testfile:1") && !strings.Contains(err.Error(), "Testfile:2") {
			t.Errorf("%s: %v, want %s", c.wrong, err, c.want)
		}
		if _, err := parsed(c.right); err != nil {
			t.Errorf("%s: %v", c.right, err)
		}
	}
}

// TestDefaultsOfAddress sends to addresses that leave parts out.
func TestDefaultsOfAddress(t *testing.T) {
	for _, text := range []string{"10.0.0.1", "10.0.0.1:514", "udp/10.0.0.1", "[::1]:514", "unixgram//dev/log", "unix//run/log", "stdout", "stderr", "tcp/logs.example.com:601"} {
		if _, err := parseAddress(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// opens returns what a writer of a configuration opens.
func opens(t *testing.T, w *Writer) io.WriteCloser {
	t.Helper()
	if err := w.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	out, err := w.OpenWriter()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMessage(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	out := opens(t, &Writer{Address: "udp/" + conn.LocalAddr().String(), Format: "priority", Facility: "local1"})
	if _, err := out.Write([]byte(`{"level":"error","msg":"x"}` + "\n")); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	b := make([]byte, 100)
	if n, _, err := conn.ReadFrom(b); string(b[:n]) != `<139>{"level":"error","msg":"x"}`+"\n" || err != nil {
		t.Errorf("%q, %v", b[:n], err)
	}
}

// TestDescriptor writes to a pipe by its number, and leaves it open.
func TestDescriptor(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	number := strconv.Itoa(int(w.Fd()))
	for _, text := range []string{"one\n", "two\n"} {
		out := opens(t, &Writer{Address: "fd/" + number, Format: "raw"})
		_, _ = out.Write([]byte(text))
		_ = out.Close()
	}
	_ = w.Close()
	if got, err := io.ReadAll(r); string(got) != "one\ntwo\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
