// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"go/version"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/google/go-cmp/cmp"
	utls "github.com/refraction-networking/utls"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// hello returns the first record that the client sends, and the conversation that made it.
func (c client) hello() ([]byte, conversation) {
	var conn hellotest.Conn
	talk := c.open(&conn, c.sni)
	_ = talk.Handshake() // it fails: nothing answers
	return firstRecord(conn.Sent), talk
}

// knownFields returns the fields of the client's hello by other sources than the parser under test.
func (c client) knownFields(t *testing.T, record []byte, talk conversation) fields {
	t.Helper()
	if c.want == nil {
		return fieldsByUTLS(talk.(*utls.UConn))
	}
	f := fieldsByCryptoTLS(t, record)
	f.SNI, f.shown = c.sni, *c.want
	return f
}

func firstRecord(b []byte) []byte {
	return b[:5+int(b[3])<<8+int(b[4])]
}

// The parsed fields of each client's hello are those that the client meant and that crypto/tls
// parses.
func TestParsedHellosOfClients(t *testing.T) {
	all := clients(t, startEcho(t))
	ofUTLS, ofGo := newHelloTable(), newHelloTable()
	for _, c := range all {
		record, talk := c.hello()
		hello, err := clienthello.Parse(record)
		if err != nil {
			t.Errorf("%s: %v: %x", c.name, err, record)
			continue
		}
		got, want := parsedHere(&hello), c.knownFields(t, record, talk)
		lists := fieldsByCryptoTLS(t, record)
		// Not visible there.
		lists.shown, lists.Shares, lists.SessionID = got.shown, got.Shares, got.SessionID
		if c.want != nil {
			want.Shares, want.SessionID = got.Shares, got.SessionID
		}
		for source, known := range map[string]fields{"the client": want, "crypto/tls": lists} {
			if diff := cmp.Diff(known, got, cmp.AllowUnexported(fields{})); diff != "" {
				t.Errorf("%s: -%s +here:\n%s%x", c.name, source, diff, record)
			}
		}
		if got := hello.JA4(); got != want.ja4() {
			t.Errorf("%s: JA4 %s, want %s: %x", c.name, got, want.ja4(), record)
		}
		if c.isGo() {
			ofGo.add(c.name, got, hello.JA4())
		} else {
			ofUTLS.add(c.name, got, hello.JA4())
		}
	}
	ofUTLS.compare(t, "clients.golden")
	ofGo.compare(t, "clients."+version.Lang(runtime.Version())+".golden")
	t.Logf("%d clients", len(all))
}

// isGo reports whether the client is crypto/tls, whose hellos differ between releases of Go.
func (c client) isGo() bool { return strings.HasPrefix(c.name, "crypto/tls") }

// A helloTable lists the parsed fields of hellos, for people to read.
type helloTable struct {
	text bytes.Buffer
	*tabwriter.Writer
}

func newHelloTable() *helloTable {
	t := new(helloTable)
	t.Writer = tabwriter.NewWriter(&t.text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join([]string{"client", "version", "ALPN", "ECH", "PQ", "PSK", "early", "ciphers", "extensions", "JA4", "groups (+: with a key share)"}, "\t"))
	return t
}

func (t *helloTable) add(name string, f fields, ja4 string) {
	protocols := f.ALPN
	if most := 7; len(protocols) > most {
		protocols = append(slices.Clone(protocols[:2]), "…", strconv.Itoa(len(protocols)))
	}
	var groups []string
	for _, group := range f.Groups {
		word := fmt.Sprintf("%04x", group)
		if isGREASE(group) {
			word = "GREASE"
		}
		if slices.Contains(f.Shares, group) {
			word += "+"
		}
		groups = append(groups, word)
	}
	yes := map[bool]string{true: "yes", false: "-"}
	fmt.Fprintln(t, strings.Join([]string{
		name, f.Version, "[" + strings.Join(protocols, " ") + "]", yes[f.ECH], yes[f.PQ], yes[f.PSK], yes[f.Early],
		strconv.Itoa(len(f.Ciphers)), strconv.Itoa(len(f.Extensions)), ja4, strings.Join(groups, " "),
	}, "\t"))
}

// compare compares the table with a file. The file for another release of Go may be missing.
func (t *helloTable) compare(tb testing.TB, name string) {
	tb.Helper()
	_ = t.Flush()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, t.text.Bytes(), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		tb.Logf("%s is missing: go test -run %s -update writes it", file, tb.Name())
	case err != nil:
		tb.Error(err)
	case !bytes.Equal(want, t.text.Bytes()):
		tb.Errorf("-want +got (or go test -run %s -update):\n%s", tb.Name(), cmp.Diff(strings.Split(string(want), "\n"), strings.Split(t.text.String(), "\n")))
	}
}
