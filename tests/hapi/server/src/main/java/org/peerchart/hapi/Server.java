package org.peerchart.hapi;

import ca.uhn.fhir.rest.server.RestfulServer;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.ServerConnector;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/** Starts the FHIR server on 127.0.0.1 and prints the address of its base; the argument is the port, 0 for a free one. */
public final class Server {

    private Server() {}

    public static void main(String[] arguments) throws Exception {
        var beans = new AnnotationConfigApplicationContext(Beans.class);
        var jetty = new org.eclipse.jetty.server.Server();
        var connector = new ServerConnector(jetty);
        connector.setHost("127.0.0.1");
        connector.setPort(Integer.parseInt(arguments[0]));
        jetty.addConnector(connector);
        var context = new ServletContextHandler();
        context.setContextPath("/");
        context.addServlet(new ServletHolder(beans.getBean(RestfulServer.class)), "/fhir/*");
        jetty.setHandler(context);
        jetty.start();
        System.out.println("ready http://127.0.0.1:" + connector.getLocalPort() + "/fhir");
        System.out.flush();
        jetty.join();
    }
}
