// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4passthrough"
)

// bind is one address that a frontend listens on.
type bind struct {
	haproxyfile.Pos
	haproxyfile.Address
	v6only bool
	mode   string // of a Unix socket
	name   string // for the fetch so_name
	id     int    // for so_id; 0: counted

	l4passthrough.BindOptions
	backlog     int // 0: the section's
	maxconn     int // 0: no limit of its own
	acceptProxy bool
	magic       uint32 // of accept-netscaler-cip; 0: without

	tls *bindTLS // shared by the addresses of a line; nil: without ssl
}

// addBind reads "bind ADDRESS[,...] [OPTIONS]".
func addBind(t *translation, p *proxy, s statement) {
	if t.skipHTTP && hasSSL(s.args[1:]) {
		t.skipBind(p, s.Pos, s.args)
		return
	}
	made, ok := t.newBinds(p, s)
	if !ok {
		return
	}
	for words := s.args[1:]; len(words) > 0; {
		if words = t.bindOption(p, s, made, words); words == nil {
			return
		}
	}
	if err := p.validateBindID(made); err != nil {
		t.errorf(s.Pos, "'bind %s' in section '%s' : 'id' : %v", s.args[0], p.kind, err)
		return
	}
	if made[0].acceptProxy && made[0].magic != 0 {
		t.errorf(s.Pos, "'bind %s' in section '%s' : 'accept-proxy' and 'accept-netscaler-cip' together are not available: expected one of them", s.args[0], p.kind)
		return
	}
	t.finishBindTLS(p, s, made)
	p.binds = append(p.binds, made...)
}

// newBinds returns a bind for each address of a line, or reports one that cannot be listened on.
func (t *translation) newBinds(p *proxy, s statement) (made []bind, ok bool) {
	addresses, err := haproxyfile.ParseAddresses(s.args[0], haproxyfile.AddressOptions{Bind: true, Getenv: t.getenv})
	isUnix := func(a haproxyfile.Address) bool { return a.Family == haproxyfile.Unix }
	if t.unixBind.owner != "" && slices.ContainsFunc(addresses, isUnix) {
		t.errorf(s.Pos, "'unix-bind %s' in 'global' section: %s", t.unixBind.owner, noteOwner)
		return nil, false
	}
	tls := new(bindTLS)
	for _, a := range addresses {
		b := bind{Pos: s.Pos, Address: a, tls: tls}
		if isUnix(a) {
			b.Path, b.mode = t.unixBind.prefix+a.Path, t.unixBind.mode
		}
		err = cmp.Or(err, t.validateBindAddress(&b.Address))
		made = append(made, b)
	}
	if err != nil {
		t.errorf(s.Pos, "'bind' : %v in %s", err, p)
		return nil, false
	}
	return made, true
}

// backlogOf returns the backlog of a bind. 0 means the system's limit.
func (p *proxy) backlogOf(b *bind) int {
	if b.Family == haproxyfile.FD { // the process that opened it has set it, in HAProxy too
		return 0
	}
	return cmp.Or(b.backlog, p.backlog)
}

// validateBindID reports an id that another bind of the frontend has.
func (p *proxy) validateBindID(made []bind) error {
	id := made[0].id
	if id == 0 {
		return nil
	}
	if len(made) > 1 || made[0].PortHigh > made[0].Port {
		return errors.New("can only be used with a single socket")
	}
	for i := range p.binds {
		if b := &p.binds[i]; b.id == id {
			return fmt.Errorf("custom id %d already used at %s ('bind %s')", id, b.Pos, b.Address)
		}
	}
	return nil
}

// bindOption reads one option of a bind line and returns the words after it, or nil if it cannot be
// read and therefore the rest cannot either.
func (t *translation) bindOption(p *proxy, s statement, made []bind, words []string) (rest []string) {
	name := words[0]
	o, ok := bindOptions[name]
	if !ok {
		t.errorf(s.Pos, "'bind %s' in section '%s': unknown keyword '%s'%s", s.args[0], p.kind, name, didYouMean(name, slices.Collect(maps.Keys(bindOptions))))
		return nil
	}
	if len(words) <= o.values {
		t.errorf(s.Pos, "'bind %s' in section '%s' : '%s' : %s", s.args[0], p.kind, name, cmp.Or(o.absent, "missing value"))
		return nil
	}
	value := ""
	if o.values > 0 {
		value = words[1]
	}
	switch {
	case o.tls == nil:
		t.apply(&keyword{grade: o.grade, note: o.note}, p, statement{Pos: s.Pos, keyword: "bind ... " + name}, " in "+p.String())
	case name == "ssl" && !p.isHTTP():
		t.refuse(s.Pos, noteBindTLS, "'bind ... ssl' in %s: %s", p, noteBindTLS)
	}
	if o.check != nil {
		if err := o.check(value); err != nil {
			t.errorf(s.Pos, "'bind %s' in section '%s' : '%s' : %v", s.args[0], p.kind, name, err)
			return nil
		}
	}
	if o.tls != nil {
		made[0].tls.takeTLS(&o, serverWord{s.Pos, name, value})
	}
	if o.do != nil {
		for i := range made {
			o.do(&made[i], value)
		}
	}
	return words[1+o.values:]
}

// activeBinds yields the binds that are listened on.
func (t *translation) activeBinds(yield func(*bind) bool) {
	for _, p := range t.proxies {
		if p.disabled {
			continue
		}
		for i := range p.binds {
			if !yield(&p.binds[i]) {
				return
			}
		}
	}
}
