// SPDX-License-Identifier: Apache-2.0

package haproxycfg

// defaultTLS takes a global "ssl-default-server-ciphers LIST" and the like.
func defaultTLS(field func(*tlsSettings) *serverWord) func(*translation, *proxy, statement) {
	return func(t *translation, _ *proxy, s statement) { t.tls.setDefault(field, s) }
}

// bindDefault takes a global "ssl-default-bind-ciphers LIST" and the like.
func bindDefault(field func(*tlsSettings) *serverWord) func(*translation, *proxy, statement) {
	return func(t *translation, _ *proxy, s statement) { t.bindTLS.setDefault(field, s) }
}

func (s *tlsSettings) setDefault(field func(*tlsSettings) *serverWord, line statement) {
	w := serverWord{line.Pos, line.keyword, line.args[0]}
	_ = s.set(func(all *tlsSettings, w serverWord) error { *field(all) = w; return nil }, w)
}

// defaultTLSOptions reads "ssl-default-server-options OPTION...".
func defaultTLSOptions(t *translation, _ *proxy, s statement) {
	t.defaultOptions(s, &t.tls, map[string]func(){"no-tls-tickets": nil, "tls-tickets": nil})
}

// bindDefaultOptions reads "ssl-default-bind-options OPTION...".
func bindDefaultOptions(t *translation, _ *proxy, s statement) {
	b := &t.bindTLS
	t.defaultOptions(s, &b.tlsSettings, map[string]func(){
		"no-tls-tickets": func() { b.noTickets = true }, "tls-tickets": func() { b.noTickets = false },
		"strict-sni": func() { b.strictSNI = true }, "no-strict-sni": func() { b.strictSNI = false },
		"prefer-client-ciphers": nil,
	})
}

// defaultOptions reads the options of a line. Those about versions go to settings, and others have
// a function, or nil if they have no effect.
func (t *translation) defaultOptions(s statement, settings *tlsSettings, others map[string]func()) {
	for args := s.args; len(args) > 0; args = args[1:] {
		w := serverWord{s.Pos, args[0], ""}
		do := versionOptions[w.keyword]
		set, other := others[w.keyword]
		switch {
		case do == nil && other:
			if set != nil {
				set()
			}
			continue
		case do == nil:
			t.errorf(s.Pos, "unknown option '%s' on global statement '%s'", w.keyword, s.keyword)
			return
		case isLimit(w.keyword) && len(args) < 2:
			t.errorf(s.Pos, "'%s' : missing the ssl/tls version on global statement '%s'", w.keyword, s.keyword)
			return
		case isLimit(w.keyword):
			args = args[1:]
			w.value = args[0]
		}
		if err := settings.set(do, w); err != nil {
			t.errorf(s.Pos, "%v on global statement '%s'", err, s.keyword)
		}
	}
}
