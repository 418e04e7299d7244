// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/peering"
)

const notePeers = "`log`, `shards`, and the options of peers and listeners have no effect; TLS is an error, and so is a Unix socket"

// peersSection is a peers section.
type peersSection struct {
	haproxyfile.Pos
	name     string
	disabled bool
	binds    []string
	peers    []namedPeer
}

// namedPeer is a line peer or server. Only the one of this process may have no address.
type namedPeer struct {
	haproxyfile.Pos
	word, name, address string
}

// peersWords are the keywords of a peers section.
var peersWords = []string{"bind", "default-bind", "default-server", "disabled", "enabled", "log", "peer", "server", "shards", "table"}

// readPeers reads a peers section. The names of its tables begin with the section's.
func (t *translation) readPeers(s haproxyfile.Section) {
	p := &peersSection{Pos: s.Pos, name: s.Args[0]}
	t.peers[p.name] = p
	for _, l := range s.Lines {
		if err := t.readPeersLine(p, l); err != nil {
			t.errorf(l.Pos, "'%s' in peers %s: %v", l.Words[0], p.name, err)
		}
	}
}

func (t *translation) readPeersLine(p *peersSection, l haproxyfile.Line) error {
	switch word := l.Words[0]; word {
	case "table":
		if len(l.Words) < 2 {
			return errors.New("missing name: expected table NAME type TYPE size N")
		}
		name := p.name + "/" + l.Words[1]
		t.declareTable(name, "peers "+p.name, l.Pos, "table", l.Words[2:])
		if table := t.tables[name]; table != nil {
			table.peers = p.name
		}
	case "disabled", "enabled":
		p.disabled = word == "disabled"
	case "bind":
		return t.readPeersBind(p, l.Words[1:])
	case "peer", "server":
		return t.readPeer(p, l)
	case "default-bind", "default-server":
		return refuseTLS(l.Words[1:])
	case "log", "shards":
	default:
		return fmt.Errorf("unknown keyword%s", didYouMean(word, peersWords))
	}
	return nil
}

// refuseTLS returns an error for options of a peer or a listener that encrypt connections.
func refuseTLS(words []string) error {
	if slices.Contains(words, "ssl") {
		return errors.New("ssl: TLS between peers is not available: expected a private network or a tunnel")
	}
	return nil
}

func (t *translation) readPeersBind(p *peersSection, words []string) error {
	if len(words) == 0 {
		return errors.New("missing address")
	}
	if err := refuseTLS(words[1:]); err != nil {
		return err
	}
	all, err := haproxyfile.ParseAddresses(words[0], haproxyfile.AddressOptions{Bind: true, Getenv: t.getenv})
	if err != nil {
		return err
	}
	for i := range all {
		address, err := peerAddress(&all[i])
		if err != nil {
			return err
		}
		p.binds = append(p.binds, address)
	}
	return nil
}

// peerAddress returns an address as HOST:PORT.
func peerAddress(a *haproxyfile.Address) (string, error) {
	isIP := a.Family == haproxyfile.Any || a.Family == haproxyfile.IPv4 || a.Family == haproxyfile.IPv6
	if !isIP || !a.HasPort || a.PortHigh > a.Port || a.Port == 0 {
		return "", fmt.Errorf("address '%s': expected a host and a port", a)
	}
	return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)), nil
}

// readPeer reads a line peer or server.
func (t *translation) readPeer(p *peersSection, l haproxyfile.Line) error {
	if len(l.Words) < 2 {
		return fmt.Errorf("missing name: expected %s NAME ADDRESS:PORT", l.Words[0])
	}
	n := namedPeer{Pos: l.Pos, word: l.Words[0], name: l.Words[1]}
	if slices.ContainsFunc(p.peers, func(o namedPeer) bool { return o.name == n.name }) {
		return fmt.Errorf("peer '%s' is given twice: expected one name for each process", n.name)
	}
	if len(l.Words) > 2 {
		a, err := haproxyfile.ParseAddress(l.Words[2], haproxyfile.AddressOptions{Getenv: t.getenv})
		if err == nil {
			n.address, err = peerAddress(&a)
		}
		if err != nil {
			return err
		}
		if err := refuseTLS(l.Words[3:]); err != nil {
			return err
		}
	}
	p.peers = append(p.peers, n)
	return nil
}

// finishPeers completes the sections, once the name of this process is known. As in HAProxy, one
// without a peer of that name is left out.
func (t *translation) finishPeers() {
	for name, p := range t.peers {
		if p.disabled {
			continue
		}
		if !slices.ContainsFunc(p.peers, func(n namedPeer) bool { return n.name == t.localPeer }) {
			t.warnf(p.Pos, "Removing incomplete section 'peers %s' (no peer named '%s').", name, t.localPeer)
			p.disabled = true
			continue
		}
		for _, n := range p.peers {
			if n.address == "" && (n.name != t.localPeer || len(p.binds) == 0) {
				t.errorf(n.Pos, "'%s %s' in peers %s: missing address: expected %s NAME ADDRESS:PORT", n.word, n.name, name, n.word)
			}
		}
	}
}

// section returns the section as the app has it.
func (p *peersSection) section(local string) *peering.Section {
	s := &peering.Section{Local: local, Bind: p.binds}
	for _, n := range p.peers {
		switch {
		case n.name != local:
			s.Peers = append(s.Peers, peering.Peer{Name: n.name, Address: n.address})
		case n.address != "":
			s.Bind = append(s.Bind, n.address)
		}
	}
	return s
}
