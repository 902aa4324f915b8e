package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a running component.
type process struct {
	name    string
	logPath string
	cmd     *exec.Cmd
	done    chan struct{} // closed when it has ended
	err     error         // how it ended; set before done is closed
}

// spawn starts commands on one OS thread that lives as long as this program:
// PR_SET_PDEATHSIG is about the death of the thread that forked, and the Go
// runtime may end other threads at any time.
var spawn = sync.OnceValue(func() func(*exec.Cmd) error {
	type request struct {
		cmd *exec.Cmd
		err chan error
	}
	requests := make(chan request)
	go func() {
		runtime.LockOSThread()
		for r := range requests {
			r.err <- r.cmd.Start()
		}
	}()
	return func(cmd *exec.Cmd) error {
		r := request{cmd, make(chan error)}
		requests <- r
		return <-r.err
	}
})

// startProcess runs this binary as the component, with its output in a log file.
// The kernel kills it when the supervisor dies, however that happens.
func startProcess(name string, args, env []string, logPath string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding the path of this binary: %w", err)
	}
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", name, err)
	}
	defer log.Close()
	p := &process{name: name, logPath: logPath, done: make(chan struct{})}
	p.cmd = &exec.Cmd{
		Path:   self,
		Args:   append([]string{name}, args...),
		Env:    env,
		Stdout: log,
		Stderr: log,
		// A group of its own: Ctrl-C at a terminal is for the supervisor alone.
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
	if err := spawn()(p.cmd); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// alive says whether the process still runs.
func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// failure describes an unexpected end, with the end of the log.
func (p *process) failure() error {
	how := "exit code 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return &componentDied{name: p.name, how: how, logPath: p.logPath, log: tail(p.logPath, 20)}
}

// componentDied is the error of a component that ended by itself.
type componentDied struct{ name, how, logPath, log string }

func (e *componentDied) Error() string {
	return fmt.Sprintf("%s died (%s); the end of its log %s:\n%s", e.name, e.how, e.logPath, e.log)
}

// portTaken says whether it ended because another process had its port.
func (e *componentDied) portTaken() bool { return strings.Contains(e.log, "address already in use") }

// stopProcesses asks the processes to end, all at once, and kills those that have
// not ended after the time given.
func stopProcesses(grace time.Duration, processes ...*process) {
	for _, p := range processes {
		if p != nil && p.alive() {
			p.cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	deadline := time.After(grace)
	for _, p := range processes {
		if p == nil {
			continue
		}
		select {
		case <-p.done:
		case <-deadline:
			closed := make(chan time.Time)
			close(closed)
			deadline = closed // the time is up for the others too
			p.cmd.Process.Kill()
			<-p.done
		}
	}
}

// tail returns the last lines of a file, with overlong lines cut.
func tail(path string, lines int) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	all := bytes.Split(bytes.TrimRight(content, "\n"), []byte("\n"))
	all = all[max(0, len(all)-lines):]
	for i, line := range all {
		if len(line) > 600 {
			all[i] = append(line[:600:600], "..."...)
		}
	}
	return string(bytes.Join(all, []byte("\n")))
}
