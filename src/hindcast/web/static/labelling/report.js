import { h } from "../components/element.js";
export class ReportView { async open() { return h("div", {}, h("h1", {}, "Report")); } }
