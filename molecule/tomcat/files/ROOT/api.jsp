<%--
Copyright (c) 2026, webtier.apache_balancer contributors
GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later

Counts the visits of a session, and remembers the name it is told.
--%>
<%@ page contentType="application/json; charset=utf-8" trimDirectiveWhitespaces="true" %>
<%
    String node = System.getProperty("jvmRoute");
    response.setHeader("X-Served-By", node);

    Integer visits = (Integer) session.getAttribute("visits");
    visits = visits == null ? 1 : visits + 1;
    session.setAttribute("visits", visits);

    String told = request.getParameter("name");
    if (told != null && told.matches("\\w+")) {
        session.setAttribute("name", told);
    }
%>
{"node": "<%= node %>", "session": "<%= session.getId() %>", "visits": <%= visits %>, "new": <%= session.isNew() %>,
 "name": "<%= session.getAttribute("name") %>", "next": "<%= response.encodeURL("api") %>"}
