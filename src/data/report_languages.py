"""Headings of radiology reports in languages other than English, and their remarks in place of an impression.

Languages: German, French, Spanish, Portuguese, Italian, Dutch, Chinese, Japanese, Korean, and the two main names in
Russian, Greek and Turkish. A data set's ``headings``
setting adds others. Names are compared without case and accents.
"""

from collections.abc import Mapping

HEADINGS: Mapping[str, tuple[str, ...]] = {
    "findings": (
        *("befund", "befunde", "röntgenbefund", "radiologischer befund", "résultats", "résultat", "constatations"),
        *("hallazgos", "hallazgo", "descripción", "achados", "descrição", "análise", "analyse"),
        *("reperti", "reperto", "descrizione", "bevindingen", "beschrijving"),
        *("所见", "影像所见", "检查所见", "放射学所见", "影像学所见", "影像表现", "影像学表现", "放射学表现", "描述"),
        *("所見", "影像所見", "检查描述", "檢查所見", "описание", "ευρήματα", "bulgular", "소견", "판독소견"),
    ),
    "report": (
        *(
            "befundbericht",
            "compte rendu",
            "informe",
            "informe radiológico",
            "relatório",
            "laudo",
            "referto",
            "verslag",
        ),
        *("报告", "检查报告"),
    ),
    "impression": (
        *("beurteilung", "zusammenfassung", "zusammenfassende beurteilung", "schlussfolgerung", "fazit"),
        *("synthèse", "au total", "en conclusion", "interprétation"),
        *("impresión", "impresión diagnóstica", "conclusión", "conclusiones", "juicio diagnóstico", "opinión"),
        *("impressão", "impressão diagnóstica", "conclusão", "conclusões", "hipótese diagnóstica"),
        *("conclusioni", "conclusione", "impressione", "giudizio"),
        *("conclusie", "beoordeling", "indruk", "samenvatting"),
        *(
            "印象",
            "诊断印象",
            "影像印象",
            "诊断意见",
            "影像诊断",
            "影像学诊断",
            "放射学诊断",
            "检查结论",
            "结论",
            "意见",
        ),
        *(
            "提示",
            "诊断提示",
            "診断",
            "診斷",
            "結論",
            "заключение",
            "συμπέρασμα",
            "sonuç",
            "印象診断",
            "결론",
            "판독결론",
        ),
    ),
    "other": (
        *("indikation", "klinische angaben", "klinische angabe", "fragestellung", "anamnese", "vorbefund"),
        *("vorbefunde", "voraufnahmen", "voruntersuchung", "voruntersuchungen", "technik", "untersuchung", "vergleich"),
        *("rechtfertigende indikation", "klinik", "empfehlung", "untersuchungstechnik", "methode"),
        *("renseignements cliniques", "motif", "comparaison", "examen", "antécédents", "recommandation"),
        *("motivo", "motivo de consulta", "datos clínicos", "indicación", "técnica", "comparación", "antecedentes"),
        *("indicação", "dados clínicos", "informações clínicas", "comparação", "exame", "recomendação"),
        *("quesito clinico", "quesito diagnostico", "indicazione", "tecnica", "confronto", "esame", "notizie cliniche"),
        *("indicatie", "klinische gegevens", "vraagstelling", "techniek", "vergelijking", "onderzoek"),
        *(
            "检查方法",
            "检查技术",
            "检查部位",
            "检查项目",
            "检查名称",
            "临床诊断",
            "临床病史",
            "临床资料",
            "病史",
            "主诉",
        ),
        *("建议", "比较", "对比", "检查日期", "报告日期", "検査目的", "臨床情報", "比較", "임상정보", "검사방법"),
    ),
    "signature": (
        *("unterschrift", "gezeichnet", "gez", "befundet von", "diktiert von", "freigegeben von", "vidiert von"),
        *("signé", "signé par", "signature", "validé par", "médecin", "radiologue"),
        *("firma", "firmado", "firmado por", "radiólogo", "médico", "informado por"),
        *("assinado", "assinado por", "assinatura", "radiologista", "firmato", "firmato da", "medico", "radiologo"),
        *("ondertekend", "ondertekend door", "radioloog"),
        *("报告医师", "报告医生", "审核医师", "审核医生", "诊断医师", "签名", "医师", "记录者", "読影医", "판독의"),
    ),
}

POINTERS = (
    *("siehe oben", "s o", "wie oben", "siehe befund", "s befund", "siehe oben genannten befund", "keine"),
    *("voir ci dessus", "cf ci dessus", "voir résultats", "cf résultats", "voir plus haut", "aucun", "néant"),
    *("ver arriba", "ver hallazgos", "ver descripción", "véase arriba", "ver informe", "vide supra", "ninguno"),
    *("ver acima", "vide acima", "ver achados", "vide descrição", "ver laudo", "vedi sopra", "vedi referto", "c s"),
    *("zie boven", "zie bevindingen", "zie verslag", "见上", "见上述", "如上", "如上所述", "同上", "见描述", "同所见"),
    *("上記", "上記参照", "無"),
)
"""What stands where an impression would, and says nothing."""
