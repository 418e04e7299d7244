// SPDX-License-Identifier: Apache-2.0

package statfields

// uncounted describes fields in which nothing is counted.
const uncounted = "Not counted: HTTP and TLS are passed through"

// description describes a field of show stat.
func (f *StatField) description() string {
	if text, ok := statDescriptions[f.Name]; ok {
		return text
	}
	return uncounted
}

// statDescriptions describe the fields of show stat, by name.
var statDescriptions = map[string]string{
	"pxname":         "Name of the frontend or backend",
	"svname":         "Name of the server or listener, or FRONTEND or BACKEND",
	"qcur":           "Connections that wait for a server",
	"qmax":           "Highest number of connections that waited for a server",
	"scur":           "Current sessions",
	"smax":           "Highest number of sessions",
	"slim":           "Limit of sessions: maxconn, or fullconn of a backend",
	"stot":           "Sessions so far",
	"bin":            "Bytes from clients",
	"bout":           "Bytes to clients",
	"dreq":           "Connections that rules about the first bytes rejected",
	"dresp":          "Connections that rules about the server's first bytes rejected",
	"ereq":           "Clients that left or were too slow before they were understood",
	"econ":           "Connections to servers that failed",
	"eresp":          "Sessions that a server ended with an error",
	"wretr":          "Connects that were tried again",
	"wredis":         "Connections that another server got after a failure",
	"status":         "State of the frontend, backend, server or listener",
	"weight":         "Weight in effect",
	"act":            "Usable servers without backup, or 1 for such a server",
	"bck":            "Usable backup servers, or 1 for such a server",
	"chkfail":        "Failed checks while the server was up",
	"chkdown":        "Changes from up to down",
	"lastchg":        "Seconds since the last change of state",
	"downtime":       "Seconds in the state down",
	"qlimit":         "Limit of the server's queue",
	"pid":            "Number of the process, always 1",
	"iid":            "Number of the frontend or backend",
	"sid":            "Number of the server or listener in it",
	"throttle":       "Percentage of the weight in a slow start",
	"lbtot":          "Times that the server was selected",
	"tracked":        "Server whose health is taken over",
	"type":           "0 for a frontend, 1 for a backend, 2 for a server, 3 for a listener",
	"rate":           "Sessions in the last second",
	"rate_lim":       "Limit of new sessions per second",
	"rate_max":       "Highest number of sessions in a second",
	"check_status":   "Result of the last check",
	"check_code":     "Status in the answer to the last check",
	"check_duration": "Duration of the last check, in milliseconds",
	"cli_abrt":       "Sessions that the client aborted",
	"srv_abrt":       "Sessions that the server aborted",
	"lastsess":       "Seconds since the last session, -1 before the first",
	"last_chk":       "What the last check met",
	"last_agt":       "What the agent said last",
	"qtime":          "Average time in the queue, of the last 1024 sessions, in milliseconds",
	"ctime":          "Average time of connecting, of the last 1024 sessions, in milliseconds",
	"rtime":          "Average time until an answer over HTTP, always 0",
	"ttime":          "Average duration of the last 1024 sessions, in milliseconds",
	"agent_status":   "Result of the agent's last check",
	"agent_code":     "Number in the agent's last answer",
	"agent_duration": "Duration of the agent's last check, in milliseconds",
	"check_desc":     "Description of check_status",
	"agent_desc":     "Description of agent_status",
	"check_rise":     "Successful checks that a server needs to be up",
	"check_fall":     "Failed checks that make a server down",
	"check_health":   "Checks towards up: from 0 to rise+fall-1",
	"agent_rise":     "Answers of the agent that a server needs to be up, always 1",
	"agent_fall":     "Answers of the agent that make a server down, always 1",
	"agent_health":   "Whether the agent says that the server is up",
	"addr":           "Address of the server or listener",
	"mode":           "Always tcp",
	"algo":           "Balancing policy",
	"conn_rate":      "Connections in the last second",
	"conn_rate_max":  "Highest number of connections in a second",
	"conn_tot":       "Connections so far",
	"dcon":           "Connections that rules about connections rejected",
	"dses":           "Connections that rules about sessions rejected",
	"connect":        "Connects to the server, with those that were tried again",
	"qtime_max":      "Longest time in the queue, in milliseconds",
	"ctime_max":      "Longest time of connecting, in milliseconds",
	"rtime_max":      "Longest time until an answer over HTTP, always 0",
	"ttime_max":      "Longest session, in milliseconds",
	"eint":           "Errors of the program itself",
	"used_conn_cur":  "Connections to the server in use",
	"need_conn_est":  "Estimated need of connections to the server",
	"uweight":        "Weight that was set",
}
