// SPDX-License-Identifier: Apache-2.0

package peering

import (
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/peers"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

func TestMain(m *testing.M) { programs.VerifyNoLeaks(m) }

func TestValidate(t *testing.T) {
	t.Parallel()
	good := func() *Section {
		return &Section{Local: "a", Bind: []string{"127.0.0.1:10000", ":10001"}, Peers: []Peer{{"b", "b.example:10000"}}}
	}
	if err := good().validate(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Section){
		`local: name "a b"`:              func(s *Section) { s.Local = "a b" },
		`peer: name ""`:                  func(s *Section) { s.Peers[0].Name = "" },
		`peer "a": the name is given`:    func(s *Section) { s.Peers[0].Name = "a" },
		`peer "b": address "b.example"`:  func(s *Section) { s.Peers[0].Address = "b.example" },
		`peer "b": address "b:http": ex`: func(s *Section) { s.Peers[0].Address = "b:http" },
		`bind: address "b:0": expected`:  func(s *Section) { s.Bind[0] = "b:0" },
	} {
		s := good()
		if change(s); s.validate() == nil || !strings.Contains(s.validate().Error(), want) {
			t.Errorf("%v, want %q", s.validate(), want)
		}
	}
}

func TestCaddyfile(t *testing.T) {
	t.Parallel()
	var s Section
	d := caddyfile.NewTestDispenser("peers mesh {\n\tlocal a\n\tbind :1 :2\n\tpeer b 10.0.0.2:3\n\tpeer c c:4\n}")
	d.Next()
	d.Next()
	if err := s.Options().ParseBlock(d); err != nil {
		t.Fatal(err)
	}
	if s.Local != "a" || len(s.Bind) != 2 || len(s.Peers) != 2 || s.Peers[1] != (Peer{"c", "c:4"}) || s.ValidateWritten() != nil {
		t.Errorf("%+v, %v", &s, s.ValidateWritten())
	}
}

// A configuration that is refused leaves no section, and one that replaces another has the same.
func TestLife(t *testing.T) {
	t.Parallel()
	find := func() (found *Status) {
		for _, s := range All() {
			if s.Name == "life" {
				found = &s
			}
		}
		return found
	}
	c := tables.Config{Type: tables.Integer, Size: 10}
	shared := []peers.Table{{Name: "t", Table: tables.New(c)}}
	section := func() *Section {
		s := &Section{Local: "a", Peers: []Peer{{"b", programs.Address(t)}}}
		if err := s.Provision("life"); err != nil {
			t.Fatal(err)
		}
		return s
	}
	refused := section()
	refused.Close()
	if find() != nil {
		t.Error("a configuration that was refused left a section")
	}
	first := section()
	first.Activate(shared)
	second := section()
	second.Activate(shared)
	first.Close()
	first.Close()
	if s := find(); s == nil || s.Local != "a" || len(s.Peers) != 1 || len(s.Peers[0].Tables) != 1 {
		t.Errorf("after a reload: %+v", s)
	}
	for deadline := time.Now().Add(time.Minute); find().Peers[0].LastError == ""; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no error without a peer")
		}
	}
	second.Close()
	if find() != nil {
		t.Error("the section is still there")
	}
}

func TestTableName(t *testing.T) {
	t.Parallel()
	s := Section{name: "mesh"}
	for name, want := range map[string]string{"web": "web", "mesh/counts": "/counts", "meshed": "meshed"} {
		if got := s.TableName(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
