// SPDX-License-Identifier: Apache-2.0

package haproxycfg

const noteModernHello = "the hello offers TLS 1.3 and 1.2, not SSLv3; a ServerHello or an alert passes, as in HAProxy"

var checkingKeywords = []keyword{
	{name: "option ssl-hello-chk", in: inBackends, grade: differs, fixed: true, args: noArgs, do: checkOption(setChecker("ssl_hello")), note: noteModernHello},
	{name: "option tcp-check", in: inBackends, grade: supported, fixed: true, args: noArgs, do: checkOption(tcpCheckOption)},
	{name: "option httpchk", in: inBackends, grade: supported, fixed: true, args: atMost(4), do: checkOption(httpchk)},
	{name: "tcp-check", in: inBackends, grade: supported, args: someArgs, do: tcpCheck},
	{name: "http-check", in: inBackends, grade: supported, args: someArgs, do: httpCheckRule},
	{name: "option redis-check", in: inBackends, grade: supported, fixed: true, args: noArgs, do: checkOption(setProtocol("redis"))},
	{name: "option smtpchk", in: inBackends, grade: supported, fixed: true, args: atMost(2), do: checkOption(smtpchk)},
	{name: "option mysql-check", in: inBackends, grade: supported, fixed: true, args: mysqlArgs, do: checkOption(mysqlCheck)},
	{name: "option pgsql-check", in: inBackends, grade: supported, fixed: true, args: pgsqlArgs, do: checkOption(pgsqlCheck)},
	{name: "option ldap-check", in: inBackends, grade: supported, fixed: true, args: noArgs, do: checkOption(setProtocol("ldap"))},
	{name: "option spop-check", in: inBackends, grade: supported, fixed: true, args: noArgs, do: checkOption(setProtocol("spop"))},
	{name: "option log-health-checks", in: inBackends, grade: supported, args: noArgs, do: func(_ *translation, p *proxy, s statement) { p.check.log = !s.not }},
	{name: "option external-check", in: inBackends, grade: supported, fixed: true, args: noArgs, do: checkOption(setChecker(externalModule))},
	{name: "external-check", in: inBackends, grade: supported, args: externalArgs, do: externalCheck},
}

// checkOption makes an option that chooses the kind of health check.
func checkOption(do func(*translation, *proxy, statement)) func(*translation, *proxy, statement) {
	return func(t *translation, p *proxy, s statement) {
		p.check.at = s.Pos
		do(t, p, s)
	}
}

func setChecker(module string) func(*translation, *proxy, statement) {
	return func(_ *translation, p *proxy, _ statement) { p.check.module = module }
}
