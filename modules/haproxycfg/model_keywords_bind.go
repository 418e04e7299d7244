// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"strconv"
)

// bindOption is an option of a bind line.
type bindOption struct {
	names  string // "|" is between several
	values int    // number of words after it
	absent string // HAProxy's message without them; empty: missing value
	grade  grade
	note   string
	check  func(string) error
	do     func(*bind, string)
	tls    func(*bindTLS, serverWord) // of an option about TLS
}

const (
	noteOwner       = "the owner of a socket cannot be set; expected mode alone, in a directory with restricted access"
	noteSocket      = "it names or tunes the socket"
	noteTunesSocket = "it tunes the socket"
)

// bindOptions are HAProxy's options of bind.
var bindOptions = newBindOptions(append(bindTLSOptions(), []bindOption{
	{names: "v4v6", grade: supported},
	{names: "v6only", grade: supported, do: func(b *bind, _ string) { b.v6only = true }},
	{names: "mode", values: 1, grade: supported, check: octal, do: func(b *bind, v string) { b.mode = v }},
	{names: "transparent", grade: supported, do: func(b *bind, _ string) { b.Transparent = true }, note: noteModeTCP},
	{names: "namespace", values: 1, absent: "missing namespace id", grade: supported, do: func(b *bind, v string) { b.Namespace = v }, note: noteModeTCP},
	{names: "defer-accept", grade: supported, do: func(b *bind, _ string) { b.DeferAccept = true }, note: noteNotHTTP},
	{names: "tfo", grade: supported, do: func(b *bind, _ string) { b.TFO = true }, note: noteNotHTTP},
	{names: "tcp-ut", values: 1, absent: "missing TCP User Timeout value", grade: supported, check: userTimeout, do: setBindUserTimeout, note: noteNotHTTP},

	{names: "accept-proxy", grade: supported, do: func(b *bind, _ string) { b.acceptProxy = true }},
	{names: "accept-netscaler-cip", values: 1, grade: supported, check: validateMagic, do: func(b *bind, v string) { b.magic = magicNumber(v) }},
	{names: "tcp-md5sig", values: 1, grade: refused, note: "TCP MD5 signatures are not available"},
	{names: "user|group|uid|gid", values: 1, grade: refused, note: noteOwner},

	{names: "interface", values: 1, absent: "missing interface name", grade: differs, do: func(b *bind, v string) { b.Interface = v }, note: noteInterface},
	{names: "mss", values: 1, absent: "missing MSS value", grade: differs, check: bindMSS, do: setBindMSS, note: noteMSS},
	{names: "backlog", values: 1, grade: differs, check: backlogLength, do: func(b *bind, v string) { b.backlog = integer(v) }, note: noteBacklog},
	{names: "maxconn", values: 1, grade: supported, check: bindMaxConn, do: func(b *bind, v string) { b.maxconn = integer(v) }, note: noteNotHTTP},

	{names: "id", values: 1, grade: ignored, check: positiveID, do: func(b *bind, v string) { b.id, _ = strconv.Atoi(v) }, note: noteBindID},
	{names: "name", values: 1, grade: ignored, do: func(b *bind, v string) { b.name = v }, note: noteBindID},
	{names: "nice", values: 1, grade: ignored, check: whole, note: noteSocket},
	{names: "label|guid-prefix|thread|shards|process|cc|tcp-ss|level|severity-output|expose-fd|proto", values: 1, grade: ignored, note: noteSocket},

	{names: "quic-cc-algo|quic-socket", values: 1, grade: ignored, note: noteQUIC},
	{names: "quic-force-retry", grade: ignored, note: noteQUIC},
	{names: "idle-ping|nbconn", values: 1, grade: ignored, note: noteHTTP},
}...))

func newBindOptions(list []bindOption) map[string]bindOption {
	all := make(map[string]bindOption)
	for _, o := range list {
		addNamed(all, o.names, o)
	}
	return all
}

func octal(v string) error {
	if n, err := strconv.ParseUint(v, 8, 32); err != nil || n > 0o777 {
		return fmt.Errorf("missing or invalid mode '%s' (octal integer expected)", v)
	}
	return nil
}

func bindMaxConn(v string) error {
	if n, err := strconv.Atoi(v); err == nil && n < 0 {
		return fmt.Errorf("invalid value %d, must be >= 0", n)
	}
	return whole(v)
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
