// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// Step is one thing that a script does: it has one of connect, send, send_hex and
// expect.
type Step struct {
	// Connect ends the connection, if there is one, and opens another.
	Connect *ConnectStep `json:"connect,omitempty"`

	// Send is text to send.
	Send string `json:"send,omitempty"`

	// SendHex is the same in hexadecimal digits.
	SendHex string `json:"send_hex,omitempty"`

	// Expect is what must come, or must not.
	Expect *Expect `json:"expect,omitempty"`

	// Comment is told when the check fails in this step.
	Comment string `json:"comment,omitempty"`

	data  []byte // to send
	again int    // the step from which expects are looked at again when more has come
}

// ConnectStep is where a script connects to. It is HAProxy's tcp-check connect.
type ConnectStep struct {
	// Address is HOST or HOST:PORT, and for a name tcp4/ or tcp6/ before that takes
	// addresses of one version of IP alone. Default: the check's.
	Address string `json:"address,omitempty"`

	// Port replaces the address's.
	Port int `json:"port,omitempty"`

	// TLS has TLS be spoken. Default: it is not.
	TLS *TLS `json:"tls,omitempty"`

	// SendProxy is the version of the PROXY protocol whose header goes first, 1 or
	// 2. Default: the check's send_proxy.
	SendProxy int `json:"send_proxy,omitempty"`
}

// provision says what is wrong with the step, and makes it ready.
func (s *Step) provision() (err error) {
	kinds := 0
	for _, given := range []bool{s.Connect != nil, s.Send != "", s.SendHex != "", s.Expect != nil} {
		if given {
			kinds++
		}
	}
	if kinds != 1 {
		return errors.New("expected one of connect, send, send_hex and expect, and only one")
	}
	switch {
	case s.Connect != nil:
		return s.Connect.provision()
	case s.Expect != nil:
		return s.Expect.provision()
	case s.Send != "":
		s.data = []byte(s.Send)
		return nil
	}
	s.data, err = digits("send_hex", s.SendHex)
	return err
}

// digits are bytes in hexadecimal.
func digits(name, text string) ([]byte, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) == 0 {
		return nil, fmt.Errorf("%s %q: expected pairs of hexadecimal digits, such as 0d0a", name, text)
	}
	return b, nil
}

func (c *ConnectStep) provision() error {
	if c.Port < 0 || c.Port > 1<<16-1 {
		return fmt.Errorf("connect: port %d: expected a port from 1 to 65535", c.Port)
	}
	if c.SendProxy < 0 || c.SendProxy > 2 {
		return fmt.Errorf("connect: send_proxy %d: expected 1 or 2", c.SendProxy)
	}
	if _, address := resolve.CutNetwork(c.Address); strings.ContainsAny(address, " \t/") {
		return fmt.Errorf("connect: address %q: expected HOST or HOST:PORT", c.Address)
	}
	if c.TLS == nil {
		return nil
	}
	if err := c.TLS.provision(); err != nil {
		return fmt.Errorf("connect: tls: %w", err)
	}
	return nil
}

// target is where the step connects to when the check's target is t.
func (c *ConnectStep) target(t pool.Target) pool.Target {
	if c.SendProxy != 0 {
		t.SendProxy = c.SendProxy
	}
	if c.Address == "" && (c.Port == 0 || t.Network == "unix") {
		return t
	}
	host, port, err := net.SplitHostPort(t.Address)
	if err != nil {
		host, port = t.Address, ""
	}
	if c.Address != "" {
		t.Network, host = resolve.CutNetwork(c.Address)
		if h, p, err := net.SplitHostPort(host); err == nil {
			host, port = h, p
		}
	}
	if c.Port != 0 {
		port = strconv.Itoa(c.Port)
	}
	t.Address = net.JoinHostPort(strings.Trim(host, "[]"), port)
	return t
}

// String is the step as it is told of.
func (s *Step) String() string {
	var what string
	switch {
	case s.Connect != nil:
		what = "connect"
		if s.Connect.Address != "" {
			what += " address " + s.Connect.Address
		}
		if s.Connect.Port != 0 {
			what += " port " + strconv.Itoa(s.Connect.Port)
		}
	case s.Expect != nil:
		what = s.Expect.String()
	default:
		what = "send"
	}
	if s.Comment != "" {
		what += "; " + s.Comment
	}
	return what
}

// parseConnect takes words with an argument each; tls comes last and may have a
// block.
func (s *Step) parseConnect(d *caddyfile.Dispenser) error {
	s.Connect = new(ConnectStep)
	c, version := s.Connect, ""
	table := options.Table{
		"address": options.Text(&c.Address), "port": options.Int(&c.Port, 1, 1<<16-1), "comment": options.Text(&s.Comment),
		"send_proxy": options.OneOf(&version, []string{"v1", "v2"}),
		"tls":        options.Func(func(d *caddyfile.Dispenser) error { return parseTLS(d, &c.TLS) }),
	}
	if err := table.ParseLine(d); err != nil {
		return err
	}
	c.SendProxy, _ = strconv.Atoi(strings.TrimPrefix(version, "v")) // 0 for none
	return nil
}

func (s *Step) parseSend(d *caddyfile.Dispenser) error {
	word, err := options.Arg(d)
	if err != nil {
		return err
	}
	if s.Send, err = options.Unescape(word); err != nil {
		return d.Errf("send %q: %w", word, err)
	}
	return options.Table{"comment": options.Text(&s.Comment)}.ParseLine(d)
}

func (s *Step) parseSendHex(d *caddyfile.Dispenser) (err error) {
	if s.SendHex, err = options.Arg(d); err != nil {
		return err
	}
	return options.Table{"comment": options.Text(&s.Comment)}.ParseLine(d)
}

func (s *Step) parseExpect(d *caddyfile.Dispenser) error {
	s.Expect = new(Expect)
	if err := s.Expect.parse(d); err != nil {
		return err
	}
	table := options.Table{
		"min_recv": options.Int(&s.Expect.MinRecv, 1, maxReceived),
		"comment":  options.Text(&s.Comment),
	}
	return table.ParseLine(d)
}
