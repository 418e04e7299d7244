// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"golang.org/x/sys/unix"
)

// listen returns a socket that is like the journal's.
func listen(t *testing.T) (*net.UnixConn, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "socket")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	return conn, path
}

// receive returns the next entry, as the journal reads it.
func receive(t *testing.T, conn *net.UnixConn) (entry string, inFile bool) {
	t.Helper()
	b, control := make([]byte, 1<<20), make([]byte, 1<<10)
	n, size, _, _, err := conn.ReadMsgUnix(b, control)
	if err != nil {
		t.Fatal(err)
	}
	if n > 0 {
		return string(b[:n]), false
	}
	messages, err := unix.ParseSocketControlMessage(control[:size])
	if err != nil || len(messages) != 1 {
		t.Fatalf("%d control messages, %v", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		t.Fatalf("descriptors %v, %v", fds, err)
	}
	file := os.NewFile(uintptr(fds[0]), "entry")
	defer file.Close()
	if seals, err := unix.FcntlInt(file.Fd(), unix.F_GET_SEALS, 0); seals&unix.F_SEAL_WRITE == 0 {
		t.Errorf("seals %#x, %v", seals, err)
	}
	whole, err := io.ReadAll(io.NewSectionReader(file, 0, 1<<30))
	if err != nil {
		t.Fatal(err)
	}
	return string(whole), true
}

func TestWriter(t *testing.T) {
	conn, path := listen(t)
	w, err := parsed("journal {\n socket " + path + "\n identifier edge\n level warning\n}")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	out, err := w.OpenWriter()
	if err != nil {
		t.Fatal(err)
	}
	large := `{"level":"error","msg":"` + strings.Repeat("large ", 60_000) + `"}`
	for _, line := range []string{`{"level":"info"}`, `{"level":"warn","sni":"a.example"}`, large, "<2>text"} {
		_, _ = out.Write([]byte(line + "\n"))
	}
	if got, inFile := receive(t, conn); inFile || got != "PRIORITY=4\nSYSLOG_IDENTIFIER=edge\nLEVEL=warn\nSNI=a.example\nMESSAGE={\"level\":\"warn\",\"sni\":\"a.example\"}\n" {
		t.Errorf("%q", got)
	}
	if got, inFile := receive(t, conn); !inFile || !strings.HasSuffix(got, "MESSAGE="+large+"\n") {
		t.Errorf("in a file: %t, %.100q", inFile, got)
	}
	if got, _ := receive(t, conn); got != "PRIORITY=2\nSYSLOG_IDENTIFIER=edge\nMESSAGE=text\n" {
		t.Errorf("%q", got)
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
}

// TestNoJournal loads a configuration on a machine without systemd.
func TestNoJournal(t *testing.T) {
	w := &Writer{Socket: filepath.Join(t.TempDir(), "socket")}
	if err := w.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.OpenWriter(); err == nil || !strings.Contains(err.Error(), "systemd's journal is not reachable: dial unixgram "+w.Socket) {
		t.Error(err)
	}
}

func parsed(text string) (*Writer, error) {
	w := new(Writer)
	return w, w.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"journal /run/x":                     `unexpected "/run/x": expected journal and a block of options`,
		"journal {\n level warn\n}":          `journal: unknown level "warn": expected one of emerg, alert`,
		"journal {\n buffer 1KiB\n}":         `journal: buffer 1024: expected 65536 to 1073741824 bytes`,
		"journal {\n tag x\n}":               `unknown option "tag"`,
		"journal {\n identifier a\n}":        "",
		"journal {\n buffer 2MiB\n}":         "",
		"journal":                            "",
		"journal {\n socket /a\n socket /b}": `socket`,
	} {
		if _, err := parsed(text); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
