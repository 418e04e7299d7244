// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// bind is one address that a frontend listens on.
type bind struct {
	haproxyfile.Pos
	haproxyfile.Address
	v6only bool
	mode   string // of a Unix socket
	name   string // for the fetch so_name
	id     int    // for so_id; 0: counted

	backlog int // 0: the section's
}

// bindOption is an option of a bind line.
type bindOption struct {
	values int // number of words after it
	grade  grade
	note   string
	check  func(string) error
	do     func(*bind, string)
}

const noteOwner = "the owner of a socket cannot be set; expected mode alone, in a directory with restricted access"

// bindOptions are HAProxy's options of bind.
var bindOptions = newBindOptions()

func newBindOptions() map[string]bindOption {
	o := map[string]bindOption{
		"v4v6":   {grade: supported},
		"v6only": {grade: supported, do: func(b *bind, _ string) { b.v6only = true }},
		"mode":   {values: 1, grade: supported, check: octal, do: func(b *bind, v string) { b.mode = v }},

		"accept-proxy":         {grade: refused, note: "the PROXY protocol is not available yet"},
		"accept-netscaler-cip": {values: 1, grade: refused, note: "NetScaler's header is not available"},
		"ssl":                  {grade: refused, note: noteBindTLS},
		"transparent":          {grade: refused, note: "listening on foreign addresses is not available"},
		"interface":            {values: 1, grade: refused, note: "it is not available; expected the interface's address in place of *"},
		"namespace":            {values: 1, grade: refused, note: "network namespaces are not available"},
		"tcp-md5sig":           {values: 1, grade: refused, note: "TCP MD5 signatures are not available"},
		"user":                 {values: 1, grade: refused, note: noteOwner},
		"group":                {values: 1, grade: refused, note: noteOwner},
		"uid":                  {values: 1, grade: refused, note: noteOwner},
		"gid":                  {values: 1, grade: refused, note: noteOwner},

		"backlog": {values: 1, grade: differs, check: backlogLength, do: func(b *bind, v string) { b.backlog = integer(v) }, note: noteBacklog},

		"maxconn": {values: 1, grade: pending, check: whole, note: "the number of connections is limited by the limit of open files alone"},
	}
	o["id"] = bindOption{values: 1, grade: ignored, check: positiveID, do: func(b *bind, v string) { b.id, _ = strconv.Atoi(v) }, note: noteBindID}
	o["name"] = bindOption{values: 1, grade: ignored, do: func(b *bind, v string) { b.name = v }, note: noteBindID}
	for _, name := range []string{"nice", "mss"} {
		o[name] = bindOption{values: 1, grade: ignored, check: whole, note: "it names or tunes the socket"}
	}
	o["tcp-ut"] = bindOption{values: 1, grade: ignored, check: timeInMs, note: "it names or tunes the socket"}
	for _, name := range []string{"label", "guid-prefix", "thread", "shards", "process", "cc", "tcp-ss", "level", "severity-output", "expose-fd", "proto"} {
		o[name] = bindOption{values: 1, grade: ignored, note: "it names or tunes the socket"}
	}
	for name := range strings.FieldsSeq(`
		alpn ca-file ca-ignore-err ca-sign-file ca-sign-pass ca-verify-file ciphers ciphersuites
		client-sigalgs crl-file crt crt-ignore-err crt-list curves default-crt ecdhe ktls npn
		ocsp-update sigalgs ssl-max-ver ssl-min-ver tls-ticket-keys verify
	`) {
		o[name] = bindOption{values: 1, grade: ignored, note: noteTLS}
	}
	for name := range strings.FieldsSeq(`
		allow-0rtt force-sslv3 force-tlsv10 force-tlsv11 force-tlsv12 force-tlsv13
		generate-certificates no-alpn no-ca-names no-sslv3 no-strict-sni no-tls-tickets no-tlsv10
		no-tlsv11 no-tlsv12 no-tlsv13 prefer-client-ciphers strict-sni tls-tickets
	`) {
		o[name] = bindOption{grade: ignored, note: noteTLS}
	}
	o["quic-cc-algo"] = bindOption{values: 1, grade: ignored, note: noteQUIC}
	o["quic-socket"] = bindOption{values: 1, grade: ignored, note: noteQUIC}
	o["quic-force-retry"] = bindOption{grade: ignored, note: noteQUIC}
	for _, name := range []string{"idle-ping", "nbconn"} {
		o[name] = bindOption{values: 1, grade: ignored, note: noteHTTP}
	}
	for _, name := range []string{"defer-accept", "tfo"} {
		o[name] = bindOption{grade: ignored, note: "it tunes the socket"}
	}
	return o
}

func octal(v string) error {
	if n, err := strconv.ParseUint(v, 8, 32); err != nil || n > 0o777 {
		return fmt.Errorf("missing or invalid mode '%s' (octal integer expected)", v)
	}
	return nil
}

func whole(v string) error {
	if _, err := strconv.Atoi(v); err != nil {
		return fmt.Errorf("expects an integer argument, found '%s'", v)
	}
	return nil
}

func positiveID(v string) error {
	if err := whole(v); err != nil {
		return err
	}
	if n, _ := strconv.Atoi(v); n <= 0 {
		return fmt.Errorf("custom id has to be > 0 (got '%s')", v)
	}
	return nil
}

func backlogLength(v string) error { return number(0, 1<<31-1)([]string{v}) }

func timeInMs(v string) error {
	_, err := haproxyfile.ParseTime(v, time.Millisecond)
	return err
}

// addBind reads "bind ADDRESS[,...] [OPTIONS]".
func addBind(t *translation, p *proxy, s statement) {
	if t.skipHTTP && hasSSL(s.args[1:]) {
		t.skipBind(p, s.Pos, s.args)
		return
	}
	addresses, err := haproxyfile.ParseAddresses(s.args[0], haproxyfile.AddressOptions{Bind: true, Getenv: t.getenv})
	var made []bind
	for _, a := range addresses {
		b := bind{Pos: s.Pos, Address: a}
		if a.Family == haproxyfile.Unix {
			b.Path, b.mode = t.unixBind.prefix+a.Path, t.unixBind.mode
			if t.unixBind.owner != "" {
				t.errorf(s.Pos, "'unix-bind %s' in 'global' section: %s", t.unixBind.owner, noteOwner)
				return
			}
		}
		if err == nil {
			err = t.validateAddress(&b.Address)
		}
		if err == nil && a.Family.IsUnix() && strings.ContainsAny(b.Path, ":|") {
			err = fmt.Errorf("'%s': the path of a socket cannot contain a colon or a bar", b.Path)
		}
		made = append(made, b)
	}
	if err != nil {
		t.errorf(s.Pos, "'bind' : %v in %s", err, p)
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
	p.binds = append(p.binds, made...)
}

// backlogOf returns the backlog of a bind. 0 means the system's limit.
func (p *proxy) backlogOf(b *bind) int {
	if b.Family == haproxyfile.FD { // the process that opened it has set it, in HAProxy too
		return 0
	}
	return cmp.Or(b.backlog, p.backlog)
}

// warnBacklog warns of a backlog that Caddy's http servers cannot have.
func (t *translation) warnBacklog(p *proxy) {
	for i := range p.binds {
		if b := &p.binds[i]; p.isHTTP() && !p.disabled && p.backlogOf(b) > 0 {
			t.notice(b.Pos, ignored, "Caddy's http servers have the system's limit (net.core.somaxconn)", "backlog")
		}
	}
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
		t.errorf(s.Pos, "'bind %s' in section '%s' : '%s' : missing value", s.args[0], p.kind, name)
		return nil
	}
	value := ""
	if o.values > 0 {
		value = words[1]
	}
	t.apply(&keyword{grade: o.grade, note: o.note}, p, statement{Pos: s.Pos, keyword: "bind ... " + name}, " in "+p.String())
	if o.check != nil {
		if err := o.check(value); err != nil {
			t.errorf(s.Pos, "'bind %s' in section '%s' : '%s' : %v", s.args[0], p.kind, name, err)
			return nil
		}
	}
	if o.do != nil {
		for i := range made {
			o.do(&made[i], value)
		}
	}
	return words[1+o.values:]
}

// validateAddress reports an address that HAProxy accepts but that cannot be used here. It makes
// the path of a Unix socket absolute.
func (t *translation) validateAddress(a *haproxyfile.Address) (err error) {
	switch a.Family {
	case haproxyfile.Unix:
		a.Path, err = t.absoluteFile(a.Path)
	case haproxyfile.Any, haproxyfile.IPv4, haproxyfile.IPv6, haproxyfile.FD, haproxyfile.Abstract, haproxyfile.AbstractZ:
	default:
		return fmt.Errorf("'%s': expected an address with a port, a path or fd@N; sockets of this kind are not available", a)
	}
	if a.Datagram || a.MPTCP {
		return fmt.Errorf("'%s': expected TCP: sockets of this kind are not available", a)
	}
	return err
}

// abstractName returns Caddy's name for an abstract socket.
func abstractName(a *haproxyfile.Address) (name string, ok bool) {
	switch a.Family {
	case haproxyfile.Abstract:
		return "abns/" + a.Path, true
	case haproxyfile.AbstractZ:
		return "unix/@" + a.Path, true
	default:
		return "", false
	}
}

// activeBinds yields the binds that are listened on.
func (t *translation) activeBinds(yield func(*bind) bool) {
	for _, p := range t.proxies {
		if p.disabled || t.neverListens(p) {
			continue
		}
		for i := range p.binds {
			if !yield(&p.binds[i]) {
				return
			}
		}
	}
}

// validateAdminPort reports a bind at the address of Caddy's admin endpoint, which a haproxy.cfg
// cannot move.
func (t *translation) validateAdminPort(b *bind) {
	admin, err := caddy.ParseNetworkAddress(caddy.DefaultAdminListen)
	if err != nil || admin.Network != "tcp" || !b.isTCP() || !b.has(int(admin.StartPort)) {
		return
	}
	host := admin.Host
	if host == "localhost" {
		host = "127.0.0.1"
	}
	all := b.allIPv4() && !strings.Contains(host, ":") || b.allIPv6() && (!b.v6only || strings.Contains(host, ":"))
	if all || b.Host == host || b.Host == admin.Host {
		t.errorf(b.Pos, "'bind %s' : Caddy's admin endpoint listens on %s: expected another port here, or another address for the endpoint in the environment variable CADDY_ADMIN", b.Address, caddy.DefaultAdminListen)
	}
}

// isSame reports whether two binds have the same address, apart from their ports.
func (b *bind) isSame(other *bind) bool {
	switch {
	case b.Family.IsUnix() || other.Family.IsUnix():
		return b.Family == other.Family && b.Path == other.Path
	case b.Family == haproxyfile.FD || other.Family == haproxyfile.FD:
		return b.Family == other.Family && b.FD == other.FD
	case b.allIPv4() || b.allIPv6():
		return b.allIPv4() == other.allIPv4() && b.allIPv6() == other.allIPv6()
	default:
		return b.Host == other.Host
	}
}

// has reports whether the bind includes a port. Paths and descriptors have no ports.
func (b *bind) has(port int) bool { return b.Port <= port && port <= max(b.Port, b.PortHigh) }

// allIPv6 reports whether the bind listens on all IPv6 addresses.
func (b *bind) allIPv6() bool { return !b.allIPv4() && (b.Host == "" || b.Host == "::") && b.isTCP() }

func (b *bind) isTCP() bool { return !b.Family.IsUnix() && b.Family != haproxyfile.FD }

func (b *bind) isIPv6() bool { return b.Family == haproxyfile.IPv6 || strings.Contains(b.Host, ":") }

// allIPv4 reports whether the bind listens on all IPv4 addresses.
func (b *bind) allIPv4() bool {
	switch b.Family {
	case haproxyfile.Any, haproxyfile.IPv4:
		return b.Host == "" && !b.isIPv6() || b.Host == "0.0.0.0"
	default:
		return false
	}
}
