// SPDX-License-Identifier: Apache-2.0

package rules

// Action is the decision about a connection.
type Action uint8

// The actions of rules that end the inspection, and Wait.
const (
	Wait   Action = iota // a rule cannot be decided yet
	Accept               // skip the remaining rules
	Close
	Reset  // with RST
	Drop   // without sending anything
	Reject // with a TLS alert if the client speaks TLS
	setVar
	setVarFormat
	unsetVar
	expectProxy
	setPriorityClass
	setPriorityOffset
	setLogLevel
	setDst
	setDstPort
	doResolve
	track
	scIncGPC
	scIncGPC0
	scIncGPC1
	scAddGPC
	scSetGPT
	scSetGPT0
)

var actions = map[string]Action{
	"accept":  Accept,
	"close":   Close,
	"reset":   Reset,
	"drop":    Drop,
	"reject":  Reject,
	"set_var": setVar,

	"set_var_format": setVarFormat,

	"unset_var": unsetVar,

	"expect_proxy": expectProxy,

	"set_priority_class":  setPriorityClass,
	"set_priority_offset": setPriorityOffset,
	"set_log_level":       setLogLevel,
	"set_dst":             setDst,
	"set_dst_port":        setDstPort,
	"do_resolve":          doResolve,
	"track":               track,
	"sc_inc_gpc":          scIncGPC,
	"sc_inc_gpc0":         scIncGPC0,
	"sc_inc_gpc1":         scIncGPC1,
	"sc_add_gpc":          scAddGPC,
	"sc_set_gpt":          scSetGPT,
	"sc_set_gpt0":         scSetGPT0,
}
