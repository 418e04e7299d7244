// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

func TestNumbers(t *testing.T) {
	t.Parallel()
	for n, size := range map[uint64]int{
		0: 1, 239: 1, 240: 2, 2287: 2, 2288: 3, 264431: 3, 264432: 4, 33818863: 4, 33818864: 5,
		4328786159: 5, 4328786160: 6, math.MaxUint64: 10,
	} {
		b := appendNumber(nil, n)
		if got, of := decodeNumber(b); got != n || of != size || len(b) != size {
			t.Errorf("%d: % x is %d of %d bytes, want %d bytes", n, b, got, of, size)
		}
		if _, of := decodeNumber(b[:len(b)-1]); of != 0 {
			t.Errorf("%d: a part has %d bytes", n, of)
		}
	}
	if _, of := decodeNumber(slices.Repeat([]byte{0xff}, 100)); of != 0 {
		t.Errorf("one without end has %d bytes", of)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	var sent sentNames
	var received receivedNames
	for i := range 1000 {
		want := fmt.Sprintf("server%d", i%300*i%7)
		b := sent.append(nil, want)
		c := &cursor{rest: b}
		if got, ok := received.read(c); !ok || got != want || c.failed || len(c.rest) > 0 {
			t.Fatalf("%q: %q, %v", want, got, c)
		}
		if len(sent.numbers) > dictionarySize {
			t.Fatalf("%d names", len(sent.numbers))
		}
	}
	for _, b := range []string{"\x01", "\x01\x00", "\x01\xf0", "\x01\x81", "\x05\x01\x09ab", "\x03\x01\x02a"} {
		c := &cursor{rest: []byte(b)}
		if name, ok := received.read(c); ok && b != "\x01\x81" || !c.failed {
			t.Errorf("%q: %q, %v", b, name, ok)
		}
	}
}

// script is a connection from which a peer's bytes can be read.
type script struct {
	net.Conn
	in *bytes.Reader
}

func (s script) Read(b []byte) (int, error)         { return s.in.Read(b) }
func (s script) Write(b []byte) (int, error)        { return len(b), nil }
func (s script) SetReadDeadline(_ time.Time) error  { return nil }
func (s script) SetWriteDeadline(_ time.Time) error { return nil }

// heard returns a session that reads these bytes, and its table.
func heard(sent []byte) (*session, *tables.Table) {
	table := tables.New(tables.Config{Type: tables.String, Size: 100, Expire: time.Hour, Store: []tables.Store{
		{Data: tables.Server}, {Data: tables.GPC, Count: 3}, {Data: tables.ConnRate, Period: time.Minute}, {Data: tables.BytesIn},
	}})
	p := &remote{group: New(func(Event) {}), ready: make(chan struct{}, 1)}
	p.shared = []*shared{{Table: Table{Name: "t", Table: table}, feed: table.WatchBy(p.ready)}}
	conn := script{in: bytes.NewReader(sent)}
	return newSession(p, conn, bufio.NewReader(conn)), table
}

// lesson is a definition and an update as they are sent.
func lesson() []byte {
	s, table := heard(nil)
	table.Update([]byte("key"), func(r tables.Row) {
		r.SetServer("s1")
		r.Add(tables.GPC, 2, 1000)
		r.Add(tables.ConnRate, 0, 7)
		r.Add(tables.BytesIn, 0, 1<<40)
	})
	if _, err := s.send(); err != nil {
		panic(err)
	}
	return s.out
}

func TestLesson(t *testing.T) {
	t.Parallel()
	s, table := heard(lesson())
	_ = s.read()
	table.View([]byte("key"), func(r tables.Row) {
		if n, _ := r.Get(tables.GPC, 2); n != 1000 || r.Server() != "s1" {
			t.Errorf("gpc2 %d, server %q", n, r.Server())
		}
	})
	if n := table.Len(); n != 1 || s.peer.shared[0].received.Load() != 1 {
		t.Errorf("%d entries", n)
	}
	if keys := s.peer.shared[0].feed.Take(10); keys != nil {
		t.Errorf("what was learned goes back: %q", keys)
	}
}

// Each message that is cut short, or longer than what HAProxy can read, ends the connection.
func TestMalformed(t *testing.T) {
	t.Parallel()
	whole := lesson()
	size, _ := decodeNumber(whole[2:])
	define, update := whole[:3+size], whole[3+size:]
	for name, sent := range map[string][]byte{
		"a message that is too long": {classTable, definition, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"a length without end":       {classTable, definition, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"a reserved class":           {math.MaxUint8, 0},
		"an empty definition":        {classTable, definition, 0},
		"an empty acknowledgement":   {classTable, acknowledgement, 0},
		"an empty switch":            {classTable, switchTable, 0},
		"an update without its end":  slices.Concat(define, []byte{classTable, updateWithID, byte(len(update) - 8)}, update[3:len(update)-5], whole),
		"an empty update":            slices.Concat(define, []byte{classTable, updateNext, 0}),
	} {
		s, _ := heard(sent)
		if err := s.read(); err == nil || !strings.Contains(err.Error(), "message") || s.peer.protocolErrors.Load() != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, sent := range map[string][]byte{
		"an update before a definition": update,
		"a switch to an unknown table":  slices.Concat([]byte{classTable, switchTable, 1, 9}, update),
		"a later class":                 {77, 0},
		"an unknown message":            {classTable, 0x99, 2, 1, 1},
	} {
		s, table := heard(sent)
		if _ = s.read(); s.peer.protocolErrors.Load() != 0 || table.Len() != 0 {
			t.Errorf("%s: %v, %d entries", name, s.err, table.Len())
		}
	}
}

// A peer that never acknowledges gets a bounded number of updates.
func TestUnacknowledged(t *testing.T) {
	t.Parallel()
	s, _ := heard(nil)
	of := s.peer.shared[0]
	of.Table.Table.Reconfigure(tables.Config{Type: tables.String, Size: 100_000})
	for i := range 2 * maxUnacked {
		of.Table.Table.Update(fmt.Append(nil, i), func(tables.Row) {})
	}
	for more := true; more; s.out = nil {
		var err error
		if more, err = s.send(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(of.unacked); n != maxUnacked {
		t.Errorf("%d updates are not acknowledged, want %d", n, maxUnacked)
	}
	of.acknowledge(of.lastID - 10)
	if n := len(of.unacked); n != 10 || of.acked.Load() != maxUnacked-10 {
		t.Errorf("%d are left, %d acknowledged", n, of.acked.Load())
	}
	of.giveBack()
	if n := len(of.feed.Take(3 * maxUnacked)); n != maxUnacked+10 {
		t.Errorf("%d are sent over the next connection, want %d", n, maxUnacked+10)
	}
}

// Whatever a peer sends, reading ends, and the table stays within its bounds.
func FuzzRead(f *testing.F) {
	f.Add(lesson())
	f.Add([]byte{0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 1, 0})
	f.Fuzz(func(t *testing.T, sent []byte) {
		s, table := heard(sent)
		defer s.peer.shared[0].feed.Close()
		if s.read() == nil {
			t.Error("no error at the end")
		}
		if _, err := s.send(); err != nil {
			t.Error(err)
		}
		if n := table.Len(); n > 100 {
			t.Errorf("%d entries", n)
		}
	})
}

// Whatever a client sends as its introduction, it gets a status or an end.
func FuzzReceive(f *testing.F) {
	f.Add("HAProxyS 2.1\na\nb 1 1\n")
	f.Add("GET / HTTP/1.1\r\n\r\n")
	f.Fuzz(func(t *testing.T, sent string) {
		h, err := receive(bufio.NewReader(strings.NewReader(sent)), "a")
		if err == nil && (h.to != "a" || !strings.HasPrefix(sent, protocolName)) {
			t.Errorf("%q is accepted: %+v", sent, h)
		}
	})
}
